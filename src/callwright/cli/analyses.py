"""`callwright analyse`: stored calls judged again, by a new rubric."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from callwright import db, partners, reanalysis, rubrics
from callwright.analysis.engine import Analyser
from callwright.analysis.rubric import Rubric
from callwright.analysis.rubric_file import unapplied
from callwright.cli.rubrics import rubric_from
from callwright.cli.session import MOMENTS, agreed, command_settings, moment, out, with_pool
from callwright.db import Connection, Pool
from callwright.errors import SetupError
from callwright.reanalysis import Span
from callwright.reports import judgeable

MOST_NAMED = 20
"""Of the calls that could not be analysed."""

_SINCE = typer.Option(parser=moment, metavar="TIME", help=f"Calls that began then or later: {MOMENTS}.")
_UNTIL = typer.Option(parser=moment, metavar="TIME", show_default="any", help="Calls that began before.")
_SUBTENANT = typer.Option(
    metavar="TENANT/SUBTENANT", show_default="all", help="Only this one's: the tenant, a slash, the subtenant."
)
_RUBRIC = typer.Option(
    metavar="FILE",
    show_default="the one in force",
    help="A file to judge by, without applying it; the analyses name it as `name/file-1f0a93c2`.",
)


def analyse(
    partner: Annotated[str, typer.Argument(help="The partner's name.")],
    since: Annotated[datetime, _SINCE],
    until: Annotated[datetime | None, _UNTIL] = None,
    subtenant: Annotated[str | None, _SUBTENANT] = None,
    rubric: Annotated[Path | None, _RUBRIC] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before analysing many.")] = False,
) -> None:
    """Analyse stored calls again, without transcribing them again and without calling back.

    The analyses before are kept. Calls that are judged by the rubric already are passed over, so that the same command
    goes on where it was broken off.
    """
    from callwright.worker import analyser_of  # noqa: PLC0415 - other commands start without the engines

    settings = command_settings()
    analyser = analyser_of(settings)
    of_file = None if rubric is None else rubric_from(rubric)

    async def work(pool: Pool) -> None:
        async with db.everywhere(pool) as connection:
            found = await partners.get_partner(connection, partner)
            if found.test_of is not None:
                raise SetupError(
                    f"The calls of {partner!r} are test calls", "They are canned: there is nothing to judge"
                )
            spans = await _spans(connection, found.partner_id, subtenant, of_file, (since, until))
            counts = [
                await judgeable.count_not_judged_by(connection, reanalysis.wanted(span, analyser)) for span in spans
            ]
        for label in sorted({span.rubric.label for span, count in zip(spans, counts, strict=True) if count}):
            out.print(f"By {label}, {analyser.name}.", markup=False)
        total = sum(counts)
        if dry_run:
            out.print(f"{total} calls would be analysed again.")
        elif not total:
            out.print("No call in that time that is not judged by this rubric already.")
        elif agreed(f"Analyse {total} calls again?", many=total, yes=yes):
            await _run(pool, analyser, spans, total)

    try:
        with_pool(settings, work)
    except KeyboardInterrupt:
        out.print("Stopped. What is done is kept; the same command goes on.")
        raise typer.Exit(130) from None


async def _spans(
    connection: Connection,
    partner_id: int,
    subtenant: str | None,
    of_file: Rubric | None,
    times: tuple[datetime, datetime | None],
) -> list[Span]:
    tenants = await partners.list_tenants(connection, partner_id)
    names = [
        (each.tenant_id, each.subtenant_id)
        for each in tenants
        if subtenant is None or f"{each.tenant_id}/{each.subtenant_id}" == subtenant
    ]
    if subtenant is not None and not names:
        raise SetupError(f"The partner does not act for {subtenant!r}", "See: callwright tenant list PARTNER")
    spans = []
    for name in names:
        scope = await partners.find_scope(connection, partner_id, *name)
        spans.append(Span(scope, _by(await rubrics.current(connection, scope), of_file), *times))
    return spans


def _by(in_force: Rubric, of_file: Rubric | None) -> Rubric:
    """The rubric to judge by; a file that says the same as the rubric in force is that one."""
    if of_file is None or replace(of_file, version=in_force.version) == in_force:
        return in_force
    return unapplied(of_file)


async def _run(pool: Pool, analyser: Analyser, spans: Sequence[Span], total: int) -> None:
    missed: list[str] = []
    columns = TextColumn("Analysing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)

        def done(call_id: str, analysed: bool) -> None:
            progress.advance(task)
            if not analysed:
                missed.append(call_id)

        for span in spans:
            await reanalysis.analyse_again(pool, analyser, span, done)
        counted = int(progress.tasks[0].completed)
    out.print(f"{counted - len(missed)} calls are analysed again; the analyses before are kept.")
    if missed:
        named = ", ".join(missed[:MOST_NAMED]) + (", …" if len(missed) > MOST_NAMED else "")
        raise SetupError(
            f"{len(missed)} calls were left as they were: {named}",
            "They are gone, were taken up meanwhile, or the engine could not judge them; the same command tries again",
        )
