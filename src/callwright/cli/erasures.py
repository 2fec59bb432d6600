"""`callwright erasures`: what was erased, kept beside the backups, and erased again after a restore."""

from functools import cache, partial
from pathlib import Path
from typing import Annotated

import typer

from callwright import reerasing
from callwright.cli.session import command_settings, out, with_pool
from callwright.db import Pool
from callwright.recordings.store import Store
from callwright.reerasing import Reapplied

app = typer.Typer(help="Keep what was erased beside the backups, and erase it again after a restore.")


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to; an older one is replaced once the new one is whole.")],
) -> None:
    """Write all erasures to a file that names nobody: to be kept beside the backups."""

    async def work(pool: Pool) -> tuple[int, int]:
        return await reerasing.export(pool, file)

    erasures, marks = with_pool(command_settings(), work)
    out.print(f"{erasures} erasures with {marks} calls are in {file}", markup=False)


@app.command("reapply")
def reapply(file: Annotated[Path, typer.Argument(help="What `callwright erasures export` wrote.")]) -> None:
    """After a restore: erase again what was erased since the backup, and know those calls as erased."""
    settings = command_settings()
    open_store = cache(partial(Store, **settings.store()))

    async def work(pool: Pool) -> Reapplied:
        return await reerasing.reapply(pool, open_store, file)

    told = with_pool(settings, work)
    out.print(
        f"Erased again: {told.calls} calls of {told.erasures} erasures. Known as erased again: {told.marks} calls."
    )
    if told.partners_unknown:
        out.print(f"{told.partners_unknown} partners of the file are not here: they were added after the backup.")
    for erasure_id in told.not_done:
        out.print(
            f"Erasure {erasure_id} was not done when the file was written: what it was about has to be asked for again."
        )
