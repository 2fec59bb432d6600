"""`callwright rubric`: by what the calls of a subtenant are judged."""

import difflib
from pathlib import Path
from typing import Annotated

import typer

from callwright import partners, rubrics
from callwright.analysis.built_in import NAMES, built_in_file
from callwright.analysis.rubric import Rubric
from callwright.analysis.rubric_check import MAX_BYTES, RubricRefused
from callwright.analysis.rubric_file import read_file, write_file
from callwright.analysis.text import clean
from callwright.cli.session import command_settings, out, with_transaction
from callwright.db import Connection
from callwright.errors import SetupError

app = typer.Typer(help="Check rubrics, apply them, show them.", no_args_is_help=True)

Partner = Annotated[str, typer.Argument(help="The partner's name.")]
Tenant = Annotated[str, typer.Argument(help="What the partner sends as x-tenant-id.")]
Subtenant = Annotated[str, typer.Argument(help="What the partner sends as x-sub-tenant-id.")]
File = Annotated[Path, typer.Argument(help="A rubric in YAML or JSON.")]


@app.command("check")
def check(file: File) -> None:
    """Check a file and apply nothing; every fault is told, with its line."""
    rubric = rubric_from(file)
    out.print(
        f"{rubric.name}: {_counted(rubric.parameters, 'parameter')} of {sum(p.maximum for p in rubric.parameters)} "
        f"points, {_counted(rubric.intents, 'intent')}, {_counted(rubric.concerns, 'concern')}, "
        f"{_counted(rubric.topics, 'topic')}. Nothing is wrong with it.",
        markup=False,
    )


@app.command("apply")
def apply(
    partner: Partner,
    tenant: Tenant,
    subtenant: Subtenant,
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Judge a subtenant's calls by this file from now on, and show what changes against the present rubric."""
    rubric = rubric_from(file)

    async def work(connection: Connection) -> tuple[Rubric, int, bool]:
        found = await partners.get_partner(connection, partner)
        scope = await partners.find_scope(connection, found.partner_id, tenant, subtenant)
        before = await rubrics.current(connection, scope)
        if dry_run:
            return before, before.version, False
        return before, *await rubrics.apply(connection, scope, rubric, "command")

    before, version, is_new = with_transaction(command_settings(), work)
    for line in _changes(before, rubric):
        out.print(line, markup=False, style={"+": "green", "-": "red"}.get(line[:1]))
    if is_new:
        out.print(
            f"{rubric.name}/{version} is in force for {tenant}, {subtenant}, in place of {before.label}.", markup=False
        )
    elif not dry_run:
        out.print(f"{before.label} is in force already, and is the same.", markup=False)


@app.command("show")
def show(
    partner: Annotated[str | None, typer.Argument(help="The partner's name.")] = None,
    tenant: Annotated[str | None, typer.Argument(help="What the partner sends as x-tenant-id.")] = None,
    subtenant: Annotated[str | None, typer.Argument(help="What the partner sends as x-sub-tenant-id.")] = None,
    version: Annotated[
        int | None,
        typer.Option(
            min=0, show_default="the one in force", help="This version; 0 is the default that comes with Callwright."
        ),
    ] = None,
    built_in_name: Annotated[
        str | None,
        typer.Option("--built-in", metavar="NAME", help=f"One that comes with Callwright: {', '.join(NAMES)}."),
    ] = None,
) -> None:
    """Print a rubric as YAML that can be applied again: a subtenant's, or one that comes with Callwright."""
    if built_in_name is not None:
        if partner is not None or built_in_name not in NAMES:
            raise typer.BadParameter(f"give one of {', '.join(NAMES)}, and nothing else", param_hint="--built-in")
        typer.echo(built_in_file(built_in_name), nl=False)
        return
    if partner is None or tenant is None or subtenant is None:
        raise typer.BadParameter("give a partner, a tenant and a subtenant, or --built-in")

    async def read(connection: Connection) -> rubrics.Applied:
        found = await partners.get_partner(connection, partner)
        scope = await partners.find_scope(connection, found.partner_id, tenant, subtenant)
        return await rubrics.read(connection, scope, version)

    applied = with_transaction(command_settings(), read)
    since = f", applied {applied.applied_at:%Y-%m-%d %H:%M} UTC" if applied.applied_at else ", comes with Callwright"
    typer.echo(f"# {applied.rubric.label}{since}\n{write_file(applied.rubric)}", nl=False)


def rubric_from(file: Path) -> Rubric:
    """Read a rubric's file.

    Raises:
        SetupError: It cannot be read, or is no rubric; the message has every fault.
    """
    try:
        with file.open("rb") as opened:
            return read_file(opened.read(MAX_BYTES + 1))
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}", "Name a file in YAML or JSON") from None
    except RubricRefused as refused:
        told = "\n".join(f"  {clean(str(fault), 500)}" for fault in refused.faults)
        raise SetupError(
            f"{file} is no rubric:\n{told}",
            "See docs/reference/rubric.md, or: callwright rubric show --built-in inside-sales",
        ) from None


def _changes(before: Rubric, after: Rubric) -> list[str]:
    old, new = (write_file(rubric).splitlines() for rubric in (before, after))
    return list(difflib.unified_diff(old, new, before.label, after.name, n=2, lineterm=""))


def _counted(parts: tuple[object, ...], name: str) -> str:
    return f"{len(parts)} {name}{'' if len(parts) == 1 else 's'}"
