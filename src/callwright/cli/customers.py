"""`callwright customer`: what is known of a customer over all its calls."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from callwright import partners
from callwright.cli.session import command_settings, out, print_json, with_transaction
from callwright.db import Connection
from callwright.errors import Forbidden, SetupError

BARS = "▁▂▃▄▅▆▇█"
UNKNOWN = "·"
COLOURS = {"INTERESTED": "green", "NOT_INTERESTED": "red", "NEUTRAL": "yellow"}

app = typer.Typer(help="Look at customers.", no_args_is_help=True)


@app.command("show")
def show(
    partner: Annotated[str, typer.Argument(help="The partner's name.")],
    tenant: Annotated[str, typer.Argument(help="What the partner sends as x-tenant-id.")],
    subtenant: Annotated[str, typer.Argument(help="What the partner sends as x-sub-tenant-id.")],
    customer_id: Annotated[str, typer.Argument(help="The partner's own id of the customer.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts, as the API gives it.")] = False,
) -> None:
    """Show what is known of a customer over all its calls."""
    from callwright.reports import contacts  # noqa: PLC0415 - other commands start without it

    async def read(connection: Connection) -> dict[str, Any]:
        found = await partners.get_partner(connection, partner)
        looking = replace(found, auto_provision=False)  # to look brings no tenant in
        try:
            scope = await partners.scope_of(connection, looking, tenant, subtenant)
        except Forbidden:
            raise SetupError(
                f"{partner} has no tenant {tenant!r} with a subtenant {subtenant!r}",
                f"See: callwright tenant list {partner}",
            ) from None
        return await contacts.read_customer(connection, scope, customer_id)

    found = with_transaction(command_settings(), read)
    if as_json:
        print_json(found)
        return
    picture = Table.grid(padding=(0, 2))
    picture.add_column(no_wrap=True, style="bold")
    picture.add_column(overflow="fold")
    for label, line in _lines(found):
        picture.add_row(label, line)
    out.print(picture)


def sparkline(values: Sequence[int | None]) -> str:
    """Draw values from 0 to 100 as a row of bars; what was not assessed is a dot on the line."""
    return "".join(UNKNOWN if value is None else BARS[min(value * len(BARS) // 100, len(BARS) - 1)] for value in values)


def _lines(found: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    who = Text(_printable(" · ".join(filter(None, (found["id"], found["name"], found["email"])))))
    if found["disposition_status"]:
        who = Text.assemble(who, "  ", _badge(found["disposition_status"], "cyan"))
    yield "Customer", who
    rollup = found["rollup"]
    if rollup is None:
        yield "Calls", Text("none completed yet", "dim")
        return
    yield "Calls", _calls(rollup)
    yield "Intent", _intent(rollup["intent"])
    yield from _trend(rollup)
    for label, said in rollup["bant"].items():
        if said:
            yield label.replace("_", " ").capitalize(), _said(said["text"], said["call_id"])
    for label, objection in zip(_once("Objections"), rollup["objections"], strict=False):
        times = f"{objection['calls']} calls" if objection["came_up_again"] else "1 call"
        raised = _badge(objection["category"], "red" if objection["came_up_again"] else "yellow")
        yield (
            label,
            Text.assemble(raised, f" {times}  ", _said(objection["objection"] or "", objection["last_call_id"])),
        )
    for label, topic in zip(_once("Qualification"), rollup["qualification"], strict=False):
        yield label, _said(f"{topic['label']}: {topic['answer']}", topic["call_id"])
    for label, point in zip(_once("Talk about"), rollup["talking_points"], strict=False):
        yield label, _said(point["text"], point["call_id"])
    for label, action in zip(_once("To do"), rollup["suggested_actions"], strict=False):
        due = " = ".join(filter(None, (action["due"], action["due_date"]))) or "no day named"
        yield label, _said(f"{action['text']} ({action['owner']}; {due})", action["call_id"])


def _once(label: str) -> Iterator[str]:
    """The label for the first line of a list, and blanks for the others."""
    yield label
    while True:
        yield ""


def _calls(rollup: dict[str, Any]) -> Text:
    calls, talk = rollup["calls"], rollup["total_talk_seconds"]
    told = f"{calls['completed']} completed, {calls['failed']} failed"
    told += f" · {_day(rollup['first_call_at'])} to {_day(rollup['last_call_at'])} · {talk / 60:.0f} min of talk"
    if rollup["talk_ratio"] is not None:
        told += f", {rollup['talk_ratio']:.0%} of it the agents'"
    if rollup["older_calls_left_out"]:
        told += " · older calls are left out"
    return Text(told)


def _intent(intent: dict[str, Any] | None) -> Text:
    if intent is None:
        return Text("not assessed", "dim")
    score = "" if intent["intent_score"] is None else f" {intent['intent_score']}"
    badge = _badge(intent["intent"], COLOURS.get(intent["intent"], "magenta"))
    return Text.assemble(badge, f"{score}  ", _said(intent["intent_justification"] or "", intent["call_id"]))


def _trend(rollup: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    trend = rollup["trend"]
    for label, name in (("Intent score", "intent_score"), ("Quality score", "quality_score")):
        values = [each[name] for each in trend["calls"]]
        known = [value for value in values if value is not None]
        span = f"{known[0]} → {known[-1]}" if len(known) > 1 else str(known[0]) if known else "not assessed"
        if name == "quality_score" and rollup["quality"]["average"] is not None:
            span += f", {rollup['quality']['average']:g} on average"
        older = f" ({trend['left_out']} older calls are left out)" if trend["left_out"] else ""
        yield label, Text.assemble((sparkline(values), "cyan"), f"  {span}{older}")


def _badge(word: str, colour: str) -> Text:
    return Text(f" {_printable(word)} ", f"reverse {colour}")


def _said(text: str, call_id: str) -> Text:
    return Text.assemble(_printable(text), "  ", (_printable(call_id), "dim"))


def _printable(text: str) -> str:
    """A text without what would move the cursor or colour the screen."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
