"""How figures and times are written, and when the templates are read."""

import pytest
from jinja2 import Environment

from callwright.dashboards import rendering
from dashboards.operating import desk_at
from dashboards.viewing import screen_of
from judged import analysis
from partner_api import open_door


def test_figures_are_written_for_people() -> None:
    narrow = "\N{NARROW NO-BREAK SPACE}"
    assert [rendering._duration(seconds) for seconds in (0, 59.6, 200, 7500)] == [
        f"0{narrow}s",
        f"1{narrow}min 00{narrow}s",
        f"3{narrow}min 20{narrow}s",
        f"2{narrow}h 05{narrow}min",
    ]
    assert [rendering._clock(seconds) for seconds in (0, 200.9, 3725)] == ["00:00", "03:20", "1:02:05"]
    assert [rendering._number(12345), rendering._percent(0.024, 1)] == ["12,345", f"2.4{narrow}%"]
    assert {f(None) for f in (rendering._number, rendering._percent, rendering._duration)} == {rendering.NONE}


async def test_no_page_waits_for_its_template(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendering._environment.cache is not None
    rendering._environment.cache.clear()
    async with open_door(database_url) as door:
        compiled = list[object]()

        def late(_self: Environment, *about: object, **_: object) -> None:
            compiled.append(about[1:])
            raise AssertionError("compiled while somebody waits")

        monkeypatch.setattr(Environment, "compile", late)
        screen = await screen_of(door)
        await screen.call("one", analysis())
        async with desk_at(door) as desk:
            answers = [await desk.log_in(), await desk.open("/console"), await screen.open("/view-insights")]
        answers += [await screen.open(f"/call-details/{call_id}") for call_id in ("one", "none")]
    assert ([answer.status_code for answer in answers], compiled) == ([303, 200, 200, 200, 404], [])
