"""Workers that do some steps alone: what one has done the next finds in the database and the store."""

from pathlib import Path

import pytest

from callwright.db import Pool
from callwright.errors import SetupError
from callwright.settings import Settings
from callwright.worker import Width, tools_of, width_of
from journey_house import RECORDINGS, House, working

TURNS = [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]


async def test_a_call_goes_from_worker_to_worker(house: House, rows: Pool, tmp_path: Path) -> None:
    without_a_model = house.settings.model_copy(update={"transcriber": f"faster-whisper:{tmp_path}"})
    await house.push(house.record("call", house.serve(RECORDINGS / "nobody-there.wav"), transcript=TURNS))
    async with working(without_a_model, steps=("fetch", "deliver")):
        await house.until("call", lambda call: call["status"] == "fetched")
        assert await rows.fetchval("SELECT entrypoint FROM pgqueuer") == "transcribe"
        async with working(house.settings, steps=("transcribe", "analyse")):
            assert (await house.ended("call"))["callback_status"] == "delivered"
    assert house.called_back()["call"]["status"] == "completed"


async def test_only_who_transcribes_needs_an_engine(house: House, tmp_path: Path) -> None:
    without_a_model = house.settings.model_copy(update={"transcriber": f"faster-whisper:{tmp_path}"})
    async with tools_of(without_a_model, ("fetch", "analyse", "deliver")):
        pass
    with pytest.raises(SetupError, match="lacks"):
        async with tools_of(without_a_model, ["transcribe"]):
            pass


def test_a_worker_is_as_wide_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLWRIGHT_WORKER_CONCURRENCY", "3")
    assert width_of(Settings()) == Width(transcribe=3), "what is not set is as wide as it is everywhere"
    for number, name in enumerate(("FETCH", "ANALYSE", "DELIVER", "HOST"), 10):
        monkeypatch.setenv(f"CALLWRIGHT_{name}_CONCURRENCY", str(number))
    width = width_of(Settings())
    assert width == Width(transcribe=3, fetch=10, analyse=11, deliver=12, at_a_host=13)
    assert width.places() == {"fetch": 10, "transcribe": 22, "analyse": 11, "deliver": 12}
    assert width.transcribe_if_slow() == 12
