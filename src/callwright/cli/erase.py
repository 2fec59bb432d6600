"""`callwright erase`: calls and people that are to be gone for good."""

import getpass
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache, partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from callwright import audit, db, erasing, partners, reports, tombstones
from callwright.audit import Asker, ErasureKind
from callwright.cli.session import command_settings, out, print_table, with_pool
from callwright.db import Connection, Pool
from callwright.erasing import Wanted
from callwright.errors import NotFound, SetupError
from callwright.recordings.store import Store
from callwright.reports import erasable
from callwright.reports.erasable import Meant
from callwright.settings import Settings

AT_A_TIME = 100

app = typer.Typer(help="Erase calls and people for good.", no_args_is_help=True)

Partner = Annotated[str, typer.Argument(help="The partner's name.")]
OfSubtenant = Annotated[
    str | None, typer.Option("--subtenant", metavar="TENANT/SUBTENANT", help="Only this one's; all of the partner's.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("call")
def call(
    partner: Partner,
    call_id: Annotated[str, typer.Argument(help="The partner's own id of the call.")],
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Erase a call: recording, transcript, analysis, callbacks and all that was sent of it."""
    _erase(partner, "call", call_id, None, dry_run=dry_run, yes=yes)


@app.command("customer")
def customer(
    partner: Partner,
    customer_id: Annotated[str, typer.Argument(help="The partner's own id of the customer.")],
    subtenant: OfSubtenant = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Erase a customer with all its calls."""
    _erase(partner, "customer", customer_id, subtenant, dry_run=dry_run, yes=yes)


@app.command("phone")
def phone(
    partner: Partner,
    number: Annotated[str, typer.Argument(help="In E.164 format, as +12025550123; blanks and dashes do no harm.")],
    subtenant: OfSubtenant = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Erase all calls with a phone number, and customers and agents who have no other call."""
    _erase(partner, "phone", e164(number), subtenant, dry_run=dry_run, yes=yes)


@app.command("email")
def email(
    partner: Partner,
    address: Annotated[str, typer.Argument(help="The customer's address, whatever its capitals.")],
    subtenant: OfSubtenant = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Erase all customers with an address, and all their calls."""
    _erase(partner, "email", address.strip(), subtenant, dry_run=dry_run, yes=yes)


def e164(number: str) -> str:
    """A phone number as calls have it: without what people write between digits, and `00` for what it stands for.

    Raises:
        BadParameter: It has no country code, or is none.
    """
    digits = re.sub(r"[\s().\-/]", "", number)
    digits = f"+{digits[2:]}" if digits.startswith("00") else digits
    if not re.fullmatch(r"\+[1-9][0-9]{1,14}", digits):
        raise typer.BadParameter("type it with its country code, as +12025550123")
    return digits


def _erase(partner: str, kind: ErasureKind, subject: str, subtenant: str | None, *, dry_run: bool, yes: bool) -> None:
    settings = command_settings()

    async def work(pool: Pool) -> None:
        async with db.everywhere(pool) as connection:
            number = (await partners.get_partner(connection, partner)).partner_id
            subtenant_no = await _subtenant(connection, number, kind, subject, subtenant)
        wanted = Wanted(number, subtenant_no, kind, subject)
        found, counts = await _found(pool, wanted)
        if not found and kind in ("phone", "email"):
            out.print("Nothing of that is here.")
            return
        print_table(("Would go", "Rows"), [(table, str(count)) for table, count in counts.items()])
        if dry_run:
            out.print("Nothing was erased. Agents and customers who are left without a call go with their last one.")
        elif yes or typer.confirm("None of it can be had back. Erase it?"):
            await _carry_out(pool, settings, wanted, found)

    with_pool(settings, work)


async def _subtenant(
    connection: Connection, partner_id: int, kind: ErasureKind, subject: str, named: str | None
) -> int | None:
    if kind == "call":
        try:
            return (await reports.scope_of_call(connection, partner_id, subject)).subtenant_no
        except NotFound:
            if await tombstones.is_known(connection, partner_id, subject):
                raise SetupError("That call is erased already", "See: callwright audit --erasures") from None
            raise
    if named is None:
        return None
    for each in await partners.list_tenants(connection, partner_id):
        if f"{each.tenant_id}/{each.subtenant_id}" == named:
            scope = await partners.find_scope(connection, partner_id, each.tenant_id, each.subtenant_id)
            return scope.subtenant_no
    raise SetupError(f"The partner does not act for {named!r}", "See: callwright tenant list PARTNER")


async def _found(pool: Pool, wanted: Wanted) -> tuple[int, Counter[str]]:
    """How many calls there are, and the rows of all tables that would go."""
    counts: Counter[str] = Counter()
    async with db.transaction(pool, wanted.partner_id) as connection:
        people = await erasing.customers_of(connection, wanted)
        if wanted.kind == "customer" and not people:
            raise NotFound("Customer not found")
    counts["customers"] += len(people)
    phone = wanted.subject if wanted.kind == "phone" else None
    meant = Meant(wanted.partner_id, wanted.subtenant_no, phone, people, datetime.now(UTC))
    place: str | None = ""
    while place is not None:
        async with db.transaction(pool, wanted.partner_id) as connection:
            if wanted.kind == "call":
                call_ids, place = [wanted.subject], None
            else:
                call_ids, place = await erasable.find_calls(connection, meant, after=place, most=AT_A_TIME)
            counts.update(await erasable.count_rows(connection, wanted.partner_id, call_ids))
    return counts["calls"], +counts


async def _carry_out(pool: Pool, settings: Settings, wanted: Wanted, calls: int) -> None:
    async with db.transaction(pool, wanted.partner_id) as connection:
        erasure_id = await erasing.begin(connection, wanted, Asker("command", getpass.getuser()))
    open_store = cache(partial(Store, **settings.store()))
    columns = TextColumn("Erasing"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=calls)
        await erasing.carry_out(
            pool, open_store, wanted.partner_id, erasure_id, done=lambda gone: progress.advance(task, gone)
        )
    async with db.transaction(pool, wanted.partner_id) as connection:
        told = await audit.read_erasure(connection, wanted.partner_id, erasure_id)
    assert told is not None, "an erasure has its proof"
    out.print(
        f"Erased: {told.calls} calls, {told.customers} customers, {told.agents} agents; {told.rows} rows and "
        f"{told.files} files. Proof: {erasure_id}"
    )
    if told.done_at is None:
        out.print("Some files are still there: a worker tries again. See: callwright audit --erasures")
