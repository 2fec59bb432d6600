"""The main job: a batch of recordings goes in, signed callbacks come out, and everything can be asked after."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.rubric_document import document_of
from callwright.db import Pool, everywhere
from callwright.partners import set_partner
from journey_house import House, working

RECORDINGS = Path(__file__).parents[2] / "demo" / "recordings"
MANIFEST: list[dict[str, Any]] = json.loads((RECORDINGS / "manifest.json").read_text())["recordings"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("container", ["mp3", "wav", "aac", "m4a", "mp4"])
async def test_the_projects_own_recordings_in_every_container(house: House, container: str) -> None:
    made = next(entry for entry in MANIFEST if entry["file"].endswith(container) and len(entry["turns"]) > 2)
    await house.push(house.record(made["id"], house.serve(RECORDINGS / made["file"])))
    call = await house.ended(made["id"])
    assert (call["status"], call["failure"], call["callback_status"]) == ("completed", None, "delivered")
    assert call["recording"]["duration"] == pytest.approx(made["properties"]["seconds"], abs=0.2)
    assert call["recording"]["channels"] == made["properties"]["channels"]
    assert (call["transcript"]["engine"], call["transcript"]["quality"]) == ("pocketsphinx", "draft")
    assert {turn["speaker"] for turn in call["transcript"]["turns"]} == {"agent", "customer"}
    told = house.called_back()[made["id"]]
    assert told["status"] == "completed"
    assert told["meta"] == {"campaign": "Q1", "attempt": 2}
    assert told["intent"] is None  # a draft proves none
    assert told["intent_score"] is None
    assert {name: call["analysis"][name] for name in ("quality", "quality_score", "summary", "bant")} == {
        name: told[name] for name in ("quality", "quality_score", "summary", "bant")
    }


@pytest.mark.usefixtures("worker")
async def test_a_transcript_that_the_partner_has_is_analysed_as_it_is(house: House) -> None:
    made = next(entry for entry in MANIFEST if "next-step-booked" in entry["id"])
    record = house.record("c", house.serve(RECORDINGS / made["file"]), transcript=made["turns"])
    await house.push(record)
    call = await house.ended("c")
    assert (call["transcript"]["engine"], call["transcript"]["quality"]) == ("partner", "partner")
    assert [turn["text"] for turn in call["transcript"]["turns"]] == [turn["text"] for turn in made["turns"]]
    told = house.called_back()["c"]
    assert told["intent"] == "INTERESTED"
    assert told["intent_score"] > 50
    evidence = call["analysis"]["evidence"]["intent"]
    assert evidence
    assert all(call["transcript"]["turns"][turn]["speaker"] == "customer" for turn in evidence)


@pytest.mark.usefixtures("worker")
@pytest.mark.timeout(600)
async def test_real_speech(house: House, shared_audio: Path) -> None:
    names = ["derived_auto_repairs_40_stereo_mulaw.wav", "jfk.wav"]
    await house.push(*(house.record(name, house.serve(shared_audio / name)) for name in names))
    stereo, mono = [await house.ended(name) for name in names]
    assert stereo["recording"]["duration"] == pytest.approx(245.38, abs=0.1)
    assert (stereo["recording"]["channels"], stereo["recording"]["codec"]) == (2, "pcm_mulaw")
    assert stereo["transcript"]["speakers"] == "channels"
    assert 0.2 < stereo["analysis"]["metrics"]["talk_ratio"] < 0.8
    assert stereo["transcript"]["coverage"] > 0.8
    words = " ".join(turn["text"] for turn in mono["transcript"]["turns"]).lower()
    assert "country" in words
    assert set(house.called_back()) == set(names)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("agent_channel", "talk_ratio"), [(0, 1.0), (1, 0.0)])
async def test_which_channel_is_the_agents_is_the_partners_setting(
    house: House, pool: Pool, agent_channel: int, talk_ratio: float
) -> None:
    async with everywhere(pool) as lent:
        await set_partner(lent, house.partner.partner_id, agent_channel=agent_channel)
    await house.push(house.record("c", house.serve(RECORDINGS / "nobody-there.wav")))
    call = await house.ended("c")
    assert call["analysis"]["metrics"]["talk_ratio"] == talk_ratio
    assert call["analysis"]["intent"] == ("NOT_AVAILABLE" if agent_channel == 0 else None)


@pytest.mark.usefixtures("worker")
async def test_a_batch_tells_how_its_calls_stand(house: House) -> None:
    made = MANIFEST[0]
    url = house.serve(RECORDINGS / made["file"])
    data = await house.push(
        house.record("a", url, transcript=made["turns"]), house.record("b", house.recordings.url("/404"))
    )
    house.recordings.answer("/404", status=404)
    await house.ended("a")
    await house.ended("b")
    batch = (await house.client.get(f"/api/v1/partner/batches/{data['batch_id']}")).json()["data"]
    assert [(c["id"], c["status"], c["state"], c["callback_status"]) for c in batch["calls"]] == [
        ("a", "accepted", "completed", "delivered"),
        ("b", "accepted", "failed", "delivered"),
    ]


async def test_a_redacted_callback_tells_no_number_and_keeps_ids_and_metadata(house: House) -> None:
    said = [
        ("agent", "Hello, this is Asha from Brightdesk. May I have the card number for the first month?"),
        ("customer", "Yes, I want to buy it. The card is four two four two"),
        ("agent", "okay"),
        ("customer", "four two four two 4242 4242, and we have 12 agents."),
        ("agent", "Thank you. Is the price of 25,000 rupees fine? You can call us on 98765 43210."),
        ("customer", "We need it today, so send the contract to ravi at gmail dot com."),
    ]
    turns = [
        {"speaker": who, "start": 3.0 * at, "end": 3.0 * at + 2, "text": text} for at, (who, text) in enumerate(said)
    ]
    url = house.serve(RECORDINGS / "nobody-there.wav")
    record = house.record("9876543210", url, transcript=turns, metadata={"phone": "98765 43210"})
    rubric = document_of(replace(INSIDE_SALES, redact_callbacks=True))
    applied = await house.client.put("/api/v1/partner/rubric", json=rubric)
    assert applied.status_code == 200, applied.text
    async with working(house.settings):
        await house.push(record)
        call = await house.ended("9876543210")

    told = house.called_back()["9876543210"]
    assert told["meta"] == {"phone": "98765 43210"}
    sentences = json.dumps({name: value for name, value in told.items() if name not in {"call_id", "meta"}})
    assert not any(value in sentences for value in ("4242", "four two", "98765", "gmail"))
    assert "[email]" in sentences
    assert "gmail" in json.dumps(call["analysis"]), "only the callback is redacted"
