"""Names, words and what a model says of them may be markup or code: on a page they are text, wherever they stand."""

from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from callwright import db, partners, results
from callwright.analysis import Action, Analysis, Bant, Chapter, Qualification, Statement
from callwright.corrections import Given, correct
from callwright.db import Scope
from dashboards.operating import desk_at
from dashboards.spoken import conversation
from dashboards.viewing import token_of
from judged import analysis, ended, judged
from partner_api import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVIL = """x"'></script><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}javascript:alert(1)"""


class Reader(HTMLParser):
    """What a browser would take a page for."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in ("img", "iframe", "object", "style", "base") or (tag == "script" and "nonce" not in told):
            self.faults.append(tag)
        self.faults += [name for name in told if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "hx-get", "hx-post"):
            if told.get(name) and not str(told[name]).startswith(("/", "#")):
                self.faults.append(str(told[name]))

    def handle_data(self, data: str) -> None:
        self.text += data


def evil() -> Analysis:
    """A model's answer that wants to be more than words."""
    said = Statement(EVIL, (0,))
    return analysis(
        engine=EVIL, version=EVIL, intent_justification=EVIL, summary=(Chapter(EVIL, EVIL, (0,)),), rubric=EVIL,
        bant=Bant(said, said, said, said), qualification=(Qualification(EVIL, EVIL, (0,)),),
        quality=(judged(EVIL, 3),), talking_points=(said,), notes=(EVIL,),
        suggested_actions=(Action(EVIL, "agent", EVIL, (0,), None),),
    )  # fmt: skip


async def haunted(door: Door) -> tuple[Door, Scope, str]:
    """A partner, its tenant, an agent, a customer and calls that are all called so; and a token."""
    own = await door.for_another((EVIL, EVIL))
    async with db.everywhere(own.pool) as lent:
        await lent.execute(
            "UPDATE partners SET name = $2 WHERE partner_id = $1",
            own.partner.partner_id,
            f"{EVIL} {own.partner.partner_id}",
        )
        whose = await partners.find_scope(lent, own.partner.partner_id, EVIL, EVIL)
    names = dict.fromkeys(("agent_id", "agent_name", "customer_id", "customer_name", "disposition_status"), EVIL)
    today = {"start_time": "2026-11-01T10:00:00Z", "end_time": "2026-11-01T10:05:00Z"}
    await ended(own.pool, whose, EVIL, evil(), **names, **today)
    await ended(own.pool, whose, f"{EVIL} failed", None, **names, **today)
    async with db.transaction(own.pool, whose) as lent:
        await results.save_transcript(
            lent,
            whose.partner_id,
            EVIL,
            conversation((("agent", EVIL), ("customer", EVIL)), engine=EVIL, language=EVIL),
        )
        await correct(lent, whose, EVIL, Given("text", "1", EVIL * 2, EVIL))
    return own, whose, await token_of(own, tenant_id=EVIL, sub_tenant_id=EVIL)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


async def test_no_page_of_a_dashboard_takes_words_for_markup(door: Door) -> None:
    own, _, token = await haunted(door)
    call = quote(EVIL, safe="")
    period = {"from": "2026-10-20", "to": "2026-11-10"}
    for path, also in (
        ("/view-insights", {}),
        ("/view-insights", {"agent-id": EVIL, "customer": EVIL, "disposition": EVIL}),
        ("/view-insights/agents", {}),
        ("/view-insights/contacts", {"search": EVIL[:9]}),
        ("/view-insights/calls", {"concern": EVIL, "parameter": EVIL, "told": EVIL, "agent-id": EVIL}),
        (f"/call-details/{call}", {}),
        (f"/call-details/{call}%20failed", {}),
        (f"/call-corrections/{call}", {"turn": "1"}),
        (f"/call-conversations/{call}", {"ended": "2026-11-20T00:00:00Z", "before": "x"}),
    ):
        answer = await own.client.get(path, params={"token": token, **period, **also})
        assert answer.status_code in (200, 409), (path, answer.text[-300:])
        found = read(answer.text)
        assert found.faults == [], path
        assert "{{7*7}}" in found.text, f"{path} shows it as it is"


async def test_no_page_of_the_console_takes_names_for_markup(door: Door) -> None:
    own, whose, _ = await haunted(door)
    async with desk_at(door) as desk:
        await desk.log_in()
        for path in ("/console/partners", f"/console/partners/{whose.partner_id}", "/console/failed-calls"):
            found = read((await desk.open(path)).text)
            assert found.faults == [], path
            assert "{{7*7}}" in found.text, path
        for path in ("/console", "/console/engines", "/console/callbacks"):
            assert read((await desk.open(path)).text).faults == [], path
    assert own.partner.partner_id == whose.partner_id
