"""`callwright partner` and `callwright tenant`: who may use the API, and for whom."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from callwright import db, framing, partners, retention, twins, wiping
from callwright.cli.session import (
    command_settings,
    out,
    print_json,
    print_table,
    sealer_of,
    with_pool,
    with_transaction,
)
from callwright.db import Connection, Pool
from callwright.partners import NewPartner, Partner
from callwright.retention import LONGEST_DAYS, Rule

partner_app = typer.Typer(help="Add partners, rotate their secrets, revoke them.", no_args_is_help=True)
tenant_app = typer.Typer(help="Say which tenants a partner acts for.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The partner's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@partner_app.command("add")
def add(
    name: Name,
    as_json: AsJson = False,
    auto_provision: Annotated[
        bool, typer.Option("--auto-provision", help="Let it bring in tenants by using them.")
    ] = False,
) -> None:
    """Add a partner; its key and secrets are shown this once."""
    settings = command_settings()
    sealer = sealer_of(settings)
    new = with_transaction(
        settings, lambda c: partners.add_partner(c, name, sealer=sealer, auto_provision=auto_provision)
    )
    _show_new(new, f"Partner {name} is added.", as_json=as_json)
    if not (as_json or auto_provision):
        out.print(f"Next: callwright tenant add {name} TENANT SUBTENANT", markup=False)


@partner_app.command("test-key")
def give_test_key(name: Name, as_json: AsJson = False) -> None:
    """Give a partner a test key, whose calls are canned; the key and its secrets are shown this once."""
    settings = command_settings()
    sealer = sealer_of(settings)

    async def give(connection: Connection) -> NewPartner:
        return await twins.add_test_key(connection, await partners.get_partner(connection, name), sealer=sealer)

    new = with_transaction(settings, give)
    _show_new(new, f'Partner {name} has a test key; in other commands it is "{name} (test)".', as_json=as_json)


@partner_app.command("wipe-test")
def wipe_test(name: Name) -> None:
    """Delete all that was sent with a partner's test key and all that came of it; live data stays."""

    async def work(pool: Pool) -> int:
        async with db.everywhere(pool) as connection:
            twin = await twins.find_twin(connection, name)
        deleted, more = 0, True
        while more:
            wiped = await wiping.wipe(pool, twin)
            deleted, more = deleted + wiped.deleted, wiped.more
        return deleted

    deleted = with_pool(command_settings(), work)
    out.print(f"The test data of {name} is wiped: {deleted} rows.", markup=False)


@partner_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the partners."""
    found = with_transaction(command_settings(), partners.list_partners)
    if as_json:
        print_json([asdict(partner) for partner in found])
        return
    if not found:
        out.print("No partner yet. Next: callwright partner add NAME")
        return
    print_table(
        ("Name", "Key", "Tenants", "Requests/min", "Share", "Agent's channel", "Framed by", "Time zone", "State"),
        [
            (
                partner.name,
                partner.api_key,
                "brings its own" if partner.auto_provision else "as added",
                str(partner.rate_limit or "default"),
                str(partner.share),
                str(partner.agent_channel),
                ", ".join(partner.frame_origins) or "nobody",
                partner.time_zone,
                f"revoked {partner.revoked_at:%Y-%m-%d %H:%M} UTC"
                if partner.revoked_at
                else "live"
                if partner.test_of is None
                else "test",
            )
            for partner in found
        ],
    )


@partner_app.command("rotate")
def rotate(
    name: Name,
    webhook: Annotated[bool, typer.Option("--webhook", help="The webhook secret instead of the API secret.")] = False,
    overlap: Annotated[float, typer.Option(min=0, max=8760, help="Hours that the old one stays valid.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make a new secret; the old one stays valid for the overlap."""
    settings = command_settings()

    async def change(connection: Connection) -> tuple[Partner, str]:
        partner = await partners.get_partner(connection, name)
        seconds = overlap * 3600
        if webhook:
            return partner, await partners.rotate_webhook_secret(
                connection, partner.partner_id, sealer=sealer_of(settings), overlap_seconds=seconds
            )
        return partner, await partners.rotate_api_secret(connection, partner.partner_id, overlap_seconds=seconds)

    partner, secret = with_transaction(settings, change)
    kind = "webhook_secret" if webhook else "api_secret"
    if as_json:
        print_json({"partner_id": partner.partner_id, "api_key": partner.api_key, kind: secret})
        return
    label = "webhook secret" if webhook else "x-api-secret"
    _show_once(f"Partner {name} has a new secret; the old one is valid for {overlap:g} hours.", {label: secret})


@partner_app.command("revoke")
def revoke(name: Name) -> None:
    """Refuse the partner's key and its test key from now on, on every machine; its data stays."""

    async def change(connection: Connection) -> None:
        partner = await partners.get_partner(connection, name)
        await partners.revoke_partner(connection, partner.partner_id)

    with_transaction(command_settings(), change)
    out.print(f"Partner {name} is revoked.", markup=False)


@partner_app.command("set")
def set_(
    name: Name,
    rate_limit: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Requests per minute.")] = None,
    share: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="The share of the work while other partners have calls waiting too; 100 until it is set.",
        ),
    ] = None,
    agent_channel: Annotated[
        int | None, typer.Option(min=0, max=1, help="The agent's channel in stereo recordings.")
    ] = None,
    auto_provision: Annotated[bool | None, typer.Option(help="Whether it brings in tenants by using them.")] = None,
    frame_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="An origin whose pages may frame dashboards, as `https://crm.example`; given several times, all of "
            "them replace those before, 20 at most."
        ),
    ] = None,
    no_frame_origins: Annotated[bool, typer.Option("--no-frame-origins", help="Let no page frame dashboards.")] = False,
    time_zone: Annotated[
        str | None,
        typer.Option(help="The time zone whose days dashboards show, as `Asia/Kolkata`; UTC until it is set."),
    ] = None,
) -> None:
    """Change a partner's settings; what is not given stays as it is."""
    if frame_origin and no_frame_origins:
        raise typer.BadParameter("Give --frame-origin or --no-frame-origins, not both")
    origins = framing.read_origins(frame_origin) if frame_origin else [] if no_frame_origins else None
    changes: dict[str, Any] = {
        "rate_limit": rate_limit,
        "share": share,
        "agent_channel": agent_channel,
        "auto_provision": auto_provision,
        "frame_origins": origins,
        "time_zone": time_zone,
    }
    if all(value is None for value in changes.values()):
        raise typer.BadParameter("Give at least one option: callwright partner set --help lists them")

    async def change(connection: Connection) -> None:
        partner = await partners.get_partner(connection, name)
        await partners.set_partner(connection, partner.partner_id, **changes)

    with_transaction(command_settings(), change)
    out.print(f"Partner {name} is changed.", markup=False)


@tenant_app.command("add")
def add_tenant(
    partner: Name,
    tenant: Annotated[str, typer.Argument(help="What the partner sends as x-tenant-id.")],
    subtenant: Annotated[str, typer.Argument(help="What the partner sends as x-sub-tenant-id.")],
) -> None:
    """Let a partner act for a tenant and subtenant."""

    async def change(connection: Connection) -> None:
        found = await partners.get_partner(connection, partner)
        await partners.add_tenant(connection, found.partner_id, tenant, subtenant)

    with_transaction(command_settings(), change)
    out.print(f"Partner {partner} acts for {tenant}, {subtenant}.", markup=False)


@tenant_app.command("list")
def list_tenants(partner: Name, as_json: AsJson = False) -> None:
    """List the tenants and subtenants of a partner."""

    async def read(connection: Connection) -> list[tuple[partners.Tenant, Rule]]:
        number = (await partners.get_partner(connection, partner)).partner_id
        found = []
        for tenant in await partners.list_tenants(connection, number):
            scope = await partners.find_scope(connection, number, tenant.tenant_id, tenant.subtenant_id)
            found.append((tenant, await retention.rule_of(connection, scope)))
        return found

    tenants = with_transaction(command_settings(), read)
    if as_json:
        print_json([{**asdict(tenant), **asdict(rule)} for tenant, rule in tenants])
        return
    if not tenants:
        out.print(f"No tenant yet. Next: callwright tenant add {partner} TENANT SUBTENANT", markup=False)
        return
    print_table(
        ("Tenant", "Subtenant", "Since", "Recordings kept", "Everything kept"),
        [
            (
                *(tenant.tenant_id, tenant.subtenant_id, f"{tenant.created_at:%Y-%m-%d %H:%M} UTC"),
                *(f"{days} days" if days else "always" for days in (rule.recordings_days, rule.everything_days)),
            )
            for tenant, rule in tenants
        ],
    )


@tenant_app.command("retain")
def retain(
    partner: Name,
    tenant: Annotated[str, typer.Argument(help="What the partner sends as x-tenant-id.")],
    subtenant: Annotated[str, typer.Argument(help="What the partner sends as x-sub-tenant-id.")],
    recordings: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_DAYS, metavar="DAYS", help="Remove recordings so long after.")
    ] = None,
    everything: Annotated[
        int | None, typer.Option(min=1, max=LONGEST_DAYS, metavar="DAYS", help="Erase whole calls so long after.")
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="Keep all of it until somebody erases it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Say how long a subtenant's data is kept; what is not given is kept always."""
    if always == (recordings is not None or everything is not None):
        raise typer.BadParameter("give --recordings, --everything or both, or --always")
    if not (always or yes or typer.confirm("What is older is erased within a day and cannot be had back. Go on?")):
        return

    async def change(connection: Connection) -> None:
        number = (await partners.get_partner(connection, partner)).partner_id
        scope = await partners.find_scope(connection, number, tenant, subtenant)
        await retention.set_rule(connection, scope, Rule(recordings, everything))

    with_transaction(command_settings(), change)
    told = [
        f"{what} for {days} days" for what, days in (("recordings", recordings), ("everything", everything)) if days
    ]
    out.print(f"{tenant}, {subtenant}: kept are {' and '.join(told) or 'all data, always'}.", markup=False)


def _show_new(new: NewPartner, heading: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(new))
        return
    shown = {"x-api-key": new.api_key, "x-api-secret": new.api_secret, "webhook secret": new.webhook_secret}
    _show_once(heading, shown)


def _show_once(heading: str, secrets: dict[str, str]) -> None:
    out.print(heading, markup=False)
    for label, value in secrets.items():
        out.print(f"  {label:<14}  {value}", markup=False)
    out.print("Keep these now: the secrets are shown this once and cannot be read back.")
