"""`callwright call`: what became of a call."""

from typing import Annotated

import typer

from callwright import partners
from callwright.cli.session import command_settings, print_json, with_transaction
from callwright.db import Connection

app = typer.Typer(help="Look at calls.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `show` a command of a group while it is the only one."""


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
