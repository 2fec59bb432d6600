"""`callwright db`: what an operator does to the database itself."""

import asyncio
import shutil
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from callwright.cli.session import command_settings, database, out
from callwright.db import Connection, partitions
from callwright.db.direct import direct
from callwright.db.partitions import INTO, MOST, Plan
from callwright.errors import SetupError
from callwright.settings import Settings

app = typer.Typer(help="Change how the database keeps what it has.", no_args_is_help=True)

_INTO = typer.Option(
    min=2,
    max=MOST,
    show_default=f"{INTO}, or as many as there are",
    help="How many partitions each table gets; it cannot be changed afterwards.",
)


@app.callback()
def _group() -> None:
    """Keep `partition` a command of its own name, though it is the only one."""


@app.command("partition")
def partition(
    into: Annotated[int | None, _INTO] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before copying.")] = False,
) -> None:
    """Partition the large tables by partner, while Callwright is stopped; what is stored is copied.

    Broken off, it leaves each table whole or partitioned, and goes on the next time. It cannot be taken back.
    """
    settings = command_settings()

    async def run() -> None:
        async with database(settings) as url, direct(url) as connection:
            plan = await partitions.plan(connection, into)
            if not plan.todo:
                out.print(f"The {len(plan.done)} large tables are partitioned already, into {plan.into} each.")
                return
            await partitions.refuse_in_use(connection)
            _tell(settings, plan)
            _refuse_without_room(settings, plan)
            if yes or typer.confirm("Go on?"):
                await _run(connection, plan)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        out.print("Stopped. Each table is as it was or as it is to be; the same command goes on.")
        raise typer.Exit(130) from None


def _tell(settings: Settings, plan: Plan) -> None:
    where = settings.data_dir if settings.database_url is None else "the database's server"
    size = sum(plan.todo.values())
    out.print(
        f"{len(plan.todo)} tables of {decimal(size)} are copied into {plan.into} partitions each, one after the other. "
        f"{decimal(plan.room)} must be free on {where} for that. Until it is done Callwright has to stay stopped, and "
        "only a dump that was taken before brings the tables back as they are now.",
        markup=False,
    )


def _refuse_without_room(settings: Settings, plan: Plan) -> None:
    """Look at the disk where it is ours to look at: that of the embedded server."""
    if settings.database_url is not None:
        return
    free = shutil.disk_usage(settings.data_dir).free
    if free < plan.room:
        raise SetupError(
            f"The disk of {settings.data_dir} has {decimal(free)} free, and {decimal(plan.room)} are needed",
            "Make room there: the largest table is copied before the old one is dropped",
        )


async def _run(connection: Connection, plan: Plan) -> None:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Partitioning", total=sum(plan.todo.values()))

        def told(doing: str, done: int) -> None:
            progress.update(task, description=doing, advance=done)

        await partitions.partition(connection, plan, told)
    out.print(f"{len(plan.todo)} tables are partitioned by partner, into {plan.into} each. Callwright can be started.")
