"""`callwright callback`: what did not arrive, and sending it again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

import typer

from callwright import callbacks, db, partners, redelivery, reports
from callwright.callbacks import State, Wanted
from callwright.cli.session import (
    MOMENTS,
    agreed,
    command_settings,
    moment,
    out,
    print_json,
    print_table,
    with_pool,
    with_transaction,
)
from callwright.db import Connection, Pool
from callwright.errors import NotFound, SetupError

MOST_LISTED = 200
AT_A_TIME = 500

app = typer.Typer(help="List callbacks and send them again.", no_args_is_help=True)

OfPartner = Annotated[str | None, typer.Option(show_default="all", help="Only this partner's.")]
Since = Annotated[datetime | None, typer.Option(parser=moment, metavar="TIME", help=f"Made then or later: {MOMENTS}.")]


@app.command("list")
def show(
    partner: OfPartner = None,
    state: Annotated[str | None, typer.Option(show_default="any", help=f"One of {', '.join(get_args(State))}.")] = None,
    call: Annotated[
        str | None, typer.Option(show_default="any", help="Only this call's, by the partner's own id.")
    ] = None,
    since: Since = None,
    until: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="TIME", show_default="any", help="Made before.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for scripts, with the newest 20 tries of each.")
    ] = False,
) -> None:
    """List the newest 200 callbacks with their tries, the newest first."""
    if state is not None and state not in get_args(State):
        raise typer.BadParameter(f"must be one of {', '.join(get_args(State))}", param_hint="--state")

    async def read(connection: Connection) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, name in (await _partners(connection, partner)).items():
            wanted = Wanted(number, state=state, call_id=call, since=since, until=until)  # type: ignore[arg-type]
            listed = await reports.list_callbacks(connection, wanted, most=MOST_LISTED)
            found += [{"partner": name, **each} for each in listed]
        return sorted(found, key=lambda each: each["created_at"], reverse=True)[:MOST_LISTED]

    found = with_transaction(command_settings(), read)
    if as_json:
        print_json(found)
        return
    if not found:
        out.print("No such callback.")
        return
    print_table(("Made", "Partner", "Call", "Callback", "State", "Tries", "Last try"), [_line(each) for each in found])


def _line(each: dict[str, Any]) -> tuple[str, ...]:
    last = each["attempts"][-1] if each["attempts"] else {"attempt": 0, "error": None, "http_status": ""}
    told = last["error"] or last["http_status"] or ""
    return (
        f"{each['created_at']:%Y-%m-%d %H:%M:%S} UTC",
        *(each["partner"], each["call_id"], each["callback_id"], each["state"], str(last["attempt"]), str(told)),
    )


@app.command("resend")
def resend(
    callback_id: Annotated[str | None, typer.Argument(help="The callback's `webhook-id`.")] = None,
    call: Annotated[str | None, typer.Option(help="The newest callback of this call, by the partner's own id.")] = None,
    partner: Annotated[
        str | None, typer.Option(show_default="all", help="Whose; with `--since`, all undelivered ones.")
    ] = None,
    since: Since = None,
    until: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="TIME", show_default="now", help="Made before.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending many.")] = False,
) -> None:
    """Send one callback again, delivered or not, or all undelivered ones of a partner in a span of time."""
    one = callback_id is not None or call is not None
    if (callback_id is not None and call is not None) or (one and (since or until)):
        raise typer.BadParameter("give a callback, or --call, or a span of time")
    if not one and (partner is None or since is None):
        raise typer.BadParameter("give a callback, or --call, or --partner and --since")

    async def work(pool: Pool) -> None:
        if one:
            await _resend_one(pool, partner, callback_id, call, dry_run=dry_run)
            return
        async with db.everywhere(pool) as connection:
            [number] = await _partners(connection, partner)
            wanted = Wanted(number, state="undelivered", since=since, until=until or datetime.now(UTC))
            count = await callbacks.count(connection, wanted)
        if dry_run:
            out.print(f"{count} undelivered callbacks would be sent again.")
        elif not count:
            out.print("No undelivered callback in that time.")
        elif agreed(f"Send {count} callbacks again?", many=count, yes=yes):
            await _resend_many(pool, wanted, count)

    with_pool(command_settings(), work)


async def _resend_many(pool: Pool, wanted: Wanted, count: int) -> None:
    sent = 0
    while sent < count:  # what fails again meanwhile is not sent a second time
        async with db.transaction(pool, wanted.partner_id) as connection:
            part = await redelivery.resend_undelivered(connection, wanted, most=min(AT_A_TIME, count - sent))
        sent += part.resent
        if not part.resent:
            break
        out.print(f"{sent} of {count} are on their way.")
    if sent < count:
        out.print(f"{count - sent} are on their way by somebody else, or were tried too often.")


@dataclass(frozen=True, slots=True)
class _One:
    partner_id: int
    partner: str
    callback_id: str


async def _resend_one(
    pool: Pool, partner: str | None, callback_id: str | None, call: str | None, *, dry_run: bool
) -> None:
    async with db.everywhere(pool) as connection:
        found = await _find(connection, await _partners(connection, partner), callback_id, call)
        if not found:
            raise NotFound("Callback not found")
        if len(found) > 1:
            raise SetupError(
                f"Several partners have a call {call!r}: {', '.join(each.partner for each in found)}",
                "Name one of them with --partner",
            )
        [one] = found
        if dry_run:
            out.print(f"{one.callback_id} would be sent again.")
            return
        if not await redelivery.resend_one(connection, one.partner_id, one.callback_id):
            raise SetupError(
                f"{one.callback_id} cannot be sent again",
                "It is under way, or a newer result took its place; see: callwright callback list",
            )
    out.print(f"{one.callback_id} is on its way.")


async def _find(connection: Connection, among: dict[int, str], callback_id: str | None, call: str | None) -> list[_One]:
    found = []
    for number, name in among.items():
        newest = callback_id if call is None else await callbacks.newest(connection, number, call)
        if newest and await callbacks.count(connection, Wanted(number, callback_ids=[newest])):
            found.append(_One(number, name, newest))
    return found


async def _partners(connection: Connection, name: str | None) -> dict[int, str]:
    """The partners to look at, by number: the one that is named, else all."""
    found = [await partners.get_partner(connection, name)] if name else await partners.list_partners(connection)
    return {each.partner_id: each.name for each in found}
