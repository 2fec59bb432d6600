"""`callwright audit`: who tried to come in."""

from dataclasses import asdict
from typing import Annotated

import typer

from callwright import audit, partners
from callwright.cli.session import command_settings, out, print_json, print_table, with_transaction
from callwright.db import Connection


def show(
    partner: Annotated[
        str | None, typer.Option(show_default="all", help="Only logins with this partner's key.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List the newest logins: those refused, and once a minute those let in."""

    async def read(connection: Connection) -> list[audit.Attempt]:
        if partner is None:
            return await audit.list_attempts(connection)
        return await audit.list_attempts(connection, (await partners.get_partner(connection, partner)).partner_id)

    attempts = with_transaction(command_settings(), read)
    if as_json:
        print_json([asdict(attempt) for attempt in attempts])
        return
    if not attempts:
        out.print("No login yet.")
        return
    print_table(
        ("Time", "Outcome", "Partner", "Key", "Address", "Request"),
        [
            (
                f"{each.at:%Y-%m-%d %H:%M:%S} UTC",
                each.outcome,
                each.partner or "",
                "the console" if each.door == "console" else each.api_key or "not of a key's form",
                each.address,
                each.request_id,
            )
            for each in attempts
        ],
    )
