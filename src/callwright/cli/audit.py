"""`callwright audit`: who tried to come in, and what was erased."""

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
    erased: Annotated[bool, typer.Option("--erasures", help="List erasures instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """List the newest logins, those refused and once a minute those let in; or the newest erasures."""
    if erased:
        _show_erasures(partner, as_json=as_json)
        return

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


def _show_erasures(partner: str | None, *, as_json: bool) -> None:
    async def read(connection: Connection) -> list[audit.Erasure]:
        number = (await partners.get_partner(connection, partner)).partner_id if partner else None
        return await audit.list_erasures(connection, number)

    found = with_transaction(command_settings(), read)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        out.print("No erasure yet.")
        return
    print_table(
        ("Asked", "Partner", "What", "By", "Calls", "Customers", "Agents", "Rows", "Files", "Done", "Erasure"),
        [
            (
                *(f"{each.asked_at:%Y-%m-%d %H:%M:%S} UTC", each.partner, each.kind, f"{each.asked_by}: {each.who}"),
                *(str(count) for count in (each.calls, each.customers, each.agents, each.rows, each.files)),
                f"{each.done_at:%Y-%m-%d %H:%M:%S} UTC" if each.done_at else "pending",
                str(each.erasure_id),
            )
            for each in found
        ],
    )
