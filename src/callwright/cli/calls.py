"""`callwright call`: what became of a call, and processing a failed one again."""

from datetime import datetime
from typing import Annotated

import typer

from callwright import db, partners
from callwright.cli.session import (
    MOMENTS,
    agreed,
    command_settings,
    moment,
    out,
    print_json,
    with_pool,
    with_transaction,
)
from callwright.db import Connection, Pool
from callwright.errors import FAILURE_CODES, SetupError

app = typer.Typer(help="Look at calls, and process failed ones again.", no_args_is_help=True)


@app.command("show")
def show(
    partner: Annotated[str, typer.Argument(help="The partner's name.")],
    call_id: Annotated[str, typer.Argument(help="The partner's own id of the call.")],
) -> None:
    """Print everything that is known of a call, as the API gives it, in JSON."""
    from callwright import reports  # noqa: PLC0415 - other commands start without it

    async def read(connection: Connection) -> dict[str, object]:
        found = await partners.get_partner(connection, partner)
        scope = await reports.scope_of_call(connection, found.partner_id, call_id)
        return await reports.read_call(connection, scope, call_id)

    print_json(with_transaction(command_settings(), read))


@app.command("retry")
def retry(
    partner: Annotated[str | None, typer.Argument(help="The partner's name.")] = None,
    call_id: Annotated[str | None, typer.Argument(help="The partner's own id of the call.")] = None,
    of_partner: Annotated[
        str | None, typer.Option("--partner", help="All failed calls of this partner, instead of one.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(show_default="any", help="Of these, those with this failure code.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=moment,
            metavar="TIME",
            show_default="any",
            help=f"Of these, those that failed then or later: {MOMENTS}.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before processing many.")] = False,
) -> None:
    """Process a failed call again from the step that failed, or all failed calls of a partner.

    A new callback follows at the end.
    """
    name = partner or of_partner
    if name is None or (partner is None) != (call_id is None) or (partner and (of_partner or code or since)):
        raise typer.BadParameter("give a partner and a call's id, or --partner with --code and --since")
    if code is not None and code not in FAILURE_CODES:
        raise typer.BadParameter("is no failure code", param_hint="--code")

    async def work(pool: Pool) -> None:
        from callwright import reports  # noqa: PLC0415 - other commands start without it

        async with db.everywhere(pool) as connection:
            number = (await partners.get_partner(connection, name)).partner_id
            failed = [call_id] if call_id else await reports.list_failed(connection, number, code, since)
        if dry_run:
            out.print(f"{len(failed)} calls would be processed again.")
        elif not failed:
            out.print("No such failed call.")
        elif agreed(f"Process {len(failed)} calls again?", many=len(failed), yes=yes):
            await _retry_all(pool, number, failed)

    with_pool(command_settings(), work)


async def _retry_all(pool: Pool, partner_id: int, call_ids: list[str]) -> None:
    """Take calls up again one by one; of many, one that somebody else has taken up meanwhile is passed over."""
    from callwright import pipeline  # noqa: PLC0415 - other commands start without it

    done = 0
    for number, call_id in enumerate(call_ids, 1):
        try:
            async with db.transaction(pool, partner_id) as connection:
                await pipeline.retry(connection, partner_id, call_id)
            done += 1
        except SetupError:
            if len(call_ids) == 1:
                raise
        if number % 500 == 0 or number == len(call_ids):
            out.print(f"{done} of {len(call_ids)} calls are taken up again.", soft_wrap=True)
