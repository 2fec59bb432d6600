"""`callwright up`, `serve`, `worker`, `migrate`, `doctor` and `openapi`."""

import asyncio
import signal
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from callwright import __version__
from callwright.cli.session import command_settings, database, out, print_json, process_settings
from callwright.errors import SetupError
from callwright.logs import configure_logging
from callwright.queue import STEPS, Step
from callwright.settings import default_data_dir, load_settings
from callwright.up import prepare, run_up

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (up, serve, worker, migrate, doctor, openapi):
        app.command()(command)


def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data_dir: Annotated[
        Path | None, typer.Option(show_default="the setting's", help="The folder of the database and the recordings.")
    ] = None,
) -> None:
    """Run everything on this machine: database, API and worker."""
    settings = load_settings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir.absolute()})
    configure_logging(log_format=settings.log_format, log_level=settings.log_level, service="up")
    elsewhere = settings.data_dir != default_data_dir()
    prefix = f"CALLWRIGHT_DATA_DIR={settings.data_dir} " if elsewhere else ""

    def announce(url: str) -> None:
        out.print(f"Callwright {__version__} is up", style="bold green", markup=False)
        rows = {
            "API": url,
            "Docs": f"{url}/docs",
            "Data": settings.data_dir,
            "Next": f"{prefix}callwright partner add NAME --auto-provision",
        }
        for label, value in rows.items():
            out.print(f"  {label:<5} {value}", markup=False)

    asyncio.run(run_up(settings, host=host, port=port, announce=announce))


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the API on the database that CALLWRIGHT_DATABASE_URL names."""
    import uvloop  # noqa: PLC0415 - other commands start without it

    from callwright import web  # noqa: PLC0415 - likewise

    settings = process_settings("web")
    listener = None if fd is None else socket.socket(fileno=fd)

    async def run() -> None:
        await web.serve(settings, host=host, port=port, stop=stop_on_signal(), listener=listener)

    uvloop.run(run())


def worker(
    steps: Annotated[
        str | None,
        typer.Option(
            show_default="all",
            help="The steps whose jobs it takes, comma-separated: fetch, transcribe, analyse, deliver.",
        ),
    ] = None,
) -> None:
    """Run the worker on the database that CALLWRIGHT_DATABASE_URL names."""
    import uvloop  # noqa: PLC0415 - other commands start without it

    from callwright.worker import run_worker  # noqa: PLC0415 - likewise

    does = _steps(steps)
    settings = process_settings("worker")

    async def run() -> None:
        await run_worker(settings, stop=stop_on_signal(), steps=does)

    uvloop.run(run())


def _steps(named: str | None) -> tuple[Step, ...]:
    """The steps that an option names."""
    if named is None:
        return STEPS
    words = [word.strip() for word in named.split(",")]
    if unknown := [word for word in words if word not in STEPS]:
        raise SetupError(f"There is no step {unknown[0]!r}", f"Name some of {', '.join(STEPS)}, with commas in between")
    return tuple(step for step in STEPS if step in words)


def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = command_settings()

    async def run() -> list[str]:
        if settings.database_url is not None:
            return await prepare(settings.database_url.get_secret_value())
        async with database(settings):  # the embedded one is brought up to date whenever it starts
            return []

    applied = asyncio.run(run())
    for name in applied:
        out.print(f"applied {name}", markup=False)
    out.print("The schema is up to date.")


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False) -> None:
    """Check everything that can be wrong before the first call, and say what to do."""
    from callwright.doctor import SIGNS, examine  # noqa: PLC0415 - other commands start without it

    findings = asyncio.run(examine(command_settings()))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = Table("", "Check", "Found", box=None, show_header=False)
        for finding in findings:
            sign, style = SIGNS[finding.state]
            fix = f"\n→ {finding.fix}" if finding.fix else ""
            table.add_row(Text(sign, style), finding.check, Text(finding.message + fix))
        out.print(table)
    if any(finding.state == "error" for finding in findings):
        raise typer.Exit(1)


def openapi() -> None:
    """Print the OpenAPI document of the partner API."""
    from callwright.api.openapi import openapi_document  # noqa: PLC0415 - other commands start without it

    print_json(openapi_document())


def stop_on_signal() -> asyncio.Event:
    """An event of the running loop that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
