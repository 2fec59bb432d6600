"""`callwright push`: calls from a file, all of it checked before anything is sent."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from callwright.analysis.text import clean
from callwright.cli.partner_side import ApiKey, Caller, SecretFile, Subtenant, Tenant, Url, caller, client_of
from callwright.cli.session import out, print_json, print_table
from callwright.errors import SetupError
from callwright.settings import default_state_dir

if TYPE_CHECKING:
    from callwright.push.findings import Findings
    from callwright.push.journal import Counts
    from callwright.push.mapping import Instructions
    from callwright.push.reading import Job

MOST_SHOWN = 50
"""Faults on a screen; a report has all of them."""

File = Annotated[Path, typer.Argument(help="A .csv, .jsonl or .xlsx file with a call a row.")]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=FIELD",
        help="Which field a column is; without a field it is left out.",
        show_default="by its heading",
    ),
]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="A file in TOML that says how to read the file; options go before it.")
]


def _list(wanted: bool) -> None:
    if wanted:
        from callwright.push.presets import presets  # noqa: PLC0415 - others start without it

        rows = ((preset.name, preset.export, preset.missing) for preset in presets())
        print_table(("Preset", "Export", "What you give"), list(rows))
        raise typer.Exit


def _print(name: str | None) -> None:
    if name is not None:
        from callwright.push.presets import preset_named  # noqa: PLC0415 - likewise

        typer.echo(preset_named(name).path.read_text("utf-8"), nl=False)
        raise typer.Exit


PresetName = Annotated[
    str | None, typer.Option("--preset", help="How to read the export of a vendor; a mapping file goes before it.")
]
ListPresets = Annotated[bool, typer.Option("--presets", callback=_list, is_eager=True, help="List the presets.")]
PrintPreset = Annotated[
    str | None,
    typer.Option(
        "--print-preset", metavar="NAME", callback=_print, is_eager=True, help="Print a preset, to copy and change it."
    ),
]
Join = Annotated[
    list[str] | None,
    typer.Option(
        "--join", metavar="FIELD=TEXT", help="What a field is made of, as `call.contact_number=+{country}{number}`."
    ),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="What a call gets that has no cell for it.")
]
Recordings = Annotated[
    str | None, typer.Option(help="The address under which recordings lie that the file names without one.")
]
Zone = Annotated[
    str | None, typer.Option(help="The zone of times that name none, as `Europe/Berlin`; without it they are refused.")
]
TimeFormat = Annotated[
    str | None, typer.Option(help="The form of times that are not in ISO 8601, as `%d/%m/%Y %H:%M:%S`.")
]
Encoding = Annotated[
    str | None, typer.Option(help="The encoding of a .csv file that is not in Unicode, as `windows-1252`.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only check, and tell every fault.")]
SkipFaulty = Annotated[bool, typer.Option("--skip-faulty", help="Send the others where some rows have faults.")]
Restart = Annotated[
    bool,
    typer.Option("--restart", help="Begin anew instead of going on where an earlier push of the same file left off."),
]
Report = Annotated[Path | None, typer.Option("--report", help="Write what became of each row to this .csv file.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON for scripts, with the faults of the first 1,000 rows that have any.")
]


def push(  # noqa: PLR0913 - the options of a command
    file: File,
    *,
    preset: PresetName = None,
    presets: ListPresets = False,  # noqa: ARG001 - done when it is parsed
    print_preset: PrintPreset = None,  # noqa: ARG001 - likewise
    map_: Map = None,
    mapping: MappingFile = None,
    join: Join = None,
    set_: Set = None,
    recordings: Recordings = None,
    timezone: Zone = None,
    time_format: TimeFormat = None,
    encoding: Encoding = None,
    dry_run: DryRun = False,
    skip_faulty: SkipFaulty = False,
    restart: Restart = False,
    report: Report = None,
    as_json: AsJson = False,
    url: Url = None,
    api_key: ApiKey = None,
    api_secret_file: SecretFile = None,
    tenant: Tenant = None,
    subtenant: Subtenant = None,
) -> None:
    """Push the calls of a file: check all of it, then send it in batches; the same command goes on after a break."""
    from callwright.push.mapping import instructions  # noqa: PLC0415 - others start without it
    from callwright.push.reading import Job  # noqa: PLC0415 - likewise

    if report is not None and report.exists() and any(report.samefile(each) for each in (file, mapping) if each):
        raise SetupError(f"The report would take the place of {report}", "Name another file with --report")
    joined = _pairs(join, "--join")
    told = instructions(
        _pairs(map_, "--map"), _pairs(set_, "--set"), timezone, time_format, joined, recordings=recordings
    )
    job = Job(file, _kept(preset, mapping).and_then(told), encoding)
    who = None if dry_run else caller(url, api_key, api_secret_file, tenant, subtenant)
    findings = _check(job, report)
    if not as_json:
        _show_findings(job, findings)
    if who is None or (findings.faulty and not skip_faulty):
        _end_unsent(findings, as_json=as_json, dry_run=dry_run)
        raise typer.Exit(1 if findings.faulty else 0)
    counts = _send(job, who, findings.rows, report, restart=restart)
    _end_sent(findings, counts, as_json=as_json)
    raise typer.Exit(1 if counts.refused else 0)


def _kept(preset: str | None, mapping: Path | None) -> "Instructions":
    """How a file is to be read by a preset and a mapping file, of which the latter wins."""
    from callwright.push.mapping import Instructions, read_mapping  # noqa: PLC0415 - others start without it
    from callwright.push.presets import preset_named  # noqa: PLC0415 - likewise

    told = read_mapping(preset_named(preset).path) if preset is not None else Instructions()
    return told.and_then(read_mapping(mapping)) if mapping else told


def _end_unsent(findings: "Findings", *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_json({"sent": False, **findings.told()})
    elif not dry_run:
        out.print("Nothing was sent. Put the rows right, or leave them out with --skip-faulty.")


def _end_sent(findings: "Findings", counts: "Counts", *, as_json: bool) -> None:
    if as_json:
        print_json({"sent": True, **findings.told(), **asdict(counts)})
    else:
        _show_counts(counts)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    found = {}
    for each in given or ():
        name, equals, value = each.rpartition("=") if option == "--map" else each.partition("=")
        if not equals or not name:
            form = {"--map": "COLUMN=FIELD", "--join": "FIELD=TEXT"}.get(option, "FIELD=VALUE")
            raise typer.BadParameter(f"{each!r} has not the form {form}")
        found[name] = value
    return found


def _check(job: "Job", report: Path | None) -> "Findings":
    """Look at every row, and write those with faults into the report."""
    from callwright.push.findings import look_through  # noqa: PLC0415 - other commands start without it
    from callwright.push.report import refused, report_to  # noqa: PLC0415 - likewise

    with ExitStack() as stack:
        columns = (TextColumn("Checking"), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn())
        progress = stack.enter_context(_progress(*columns))
        task = progress.add_task("", total=None)
        add = stack.enter_context(report_to(report)) if report else None
        return look_through(
            job,
            each_batch=lambda rows: progress.advance(task, rows),
            each_faulty=lambda row: add(refused(row)) if add else None,
        )


def _progress(*columns: ProgressColumn) -> Progress:
    """Shown to people alone."""
    screen = Console(stderr=True)
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


def _send(job: "Job", who: Caller, rows: int, report: Path | None, *, restart: bool) -> "Counts":
    """Send what an earlier push of the same has not, and write the whole report."""
    from callwright.push.files import digest_of  # noqa: PLC0415 - other commands start without it
    from callwright.push.journal import Journal, journal_path  # noqa: PLC0415 - likewise
    from callwright.push.reading import open_calls  # noqa: PLC0415 - likewise
    from callwright.push.report import report_to  # noqa: PLC0415 - likewise
    from callwright.push.sending import send  # noqa: PLC0415 - likewise

    whose = (who.url, who.api_key, who.tenant_id, who.sub_tenant_id)
    path = journal_path(default_state_dir() / "push", digest_of(job.path), repr(job.told), str(job.encoding), *whose)
    columns = (TextColumn("Sending "), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(path, restart=restart))
        if before := journal.counts.rows:
            known = f"{before:,} of {rows:,} rows were answered before; this goes on behind them."
            if before >= rows:
                known = f"All {rows:,} rows were answered before, and nothing is sent; --restart sends them again."
            Console(stderr=True).print(known, soft_wrap=True)
        client = stack.enter_context(client_of(who))
        calls = stack.enter_context(open_calls(job))
        progress = stack.enter_context(_progress(*columns))
        task = progress.add_task("", total=rows, completed=before)
        try:
            for done in send(calls.batches, client, journal):
                progress.update(task, completed=done)
        except KeyboardInterrupt:
            progress.stop()
            stopped = (
                f"Stopped; {journal.counts.rows:,} of {rows:,} rows were answered. The same command goes on there."
            )
            Console(stderr=True).print(stopped, soft_wrap=True, highlight=False)
            raise typer.Exit(130) from None
        if report:
            add = stack.enter_context(report_to(report))
            for outcome in journal.outcomes():
                add(outcome)
        return journal.counts


def _show_findings(job: "Job", findings: "Findings") -> None:
    sheet = f", sheet {clean(findings.sheet)!r}" if findings.sheet else ""
    out.print(f"{job.path.name}{sheet}: {_counted(findings.rows)}, {findings.faulty:,} with faults.", markup=False)
    print_table(("Column", "is sent as"), [(clean(heading), name) for heading, name in findings.columns])
    if findings.left_out:
        out.print(f"Not sent: {', '.join(clean(heading) for heading in findings.left_out)}", markup=False)
    faults = [(row, fault) for row in findings.shown for fault in row.faults]
    if faults:
        out.print()
        lines = [
            (f"{row.line}", clean(row.call_id, 60), clean(fault.column, 60), clean(fault.message))
            for row, fault in faults[:MOST_SHOWN]
        ]
        print_table(("Line", "Call", "Column", "Fault"), lines)
    if findings.faulty > len(findings.shown) or len(faults) > MOST_SHOWN:
        out.print("These are not all of them; --report FILE writes every one down.")
    for hint in findings.hints:
        out.print(f"→ {hint}", markup=False)


def _show_counts(counts: "Counts") -> None:
    out.print(f"{_counted(counts.rows)}: {counts.accepted:,} accepted, {counts.duplicates:,} duplicates, ", end="")
    out.print(f"{counts.refused:,} refused.")
    if counts.changed:
        out.print(
            f"{counts.changed:,} of the duplicates differ from what was accepted first, which stays as it is; "
            "--report FILE names them."
        )


def _counted(rows: int) -> str:
    return f"{rows:,} row{'' if rows == 1 else 's'}"
