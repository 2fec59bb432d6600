"""`callwright console`: the way into the operator's console."""

from typing import Annotated

import typer

from callwright import console_sessions
from callwright.cli.session import command_settings, out, with_transaction


def console(
    end_all: Annotated[
        bool,
        typer.Option("--end-all", help="Log everybody out instead, and let no link that was printed so far be used."),
    ] = False,
) -> None:
    """Print a link that opens the operator's console, once, within ten minutes."""
    settings = command_settings()
    if end_all:
        ended = with_transaction(settings, console_sessions.end_all)
        out.print(f"{ended} {'session has' if ended == 1 else 'sessions have'} ended. No link is valid any more.")
        return
    code = with_transaction(settings, console_sessions.make_link)
    out.print(f"{settings.public_url.rstrip('/')}/console/login?code={code}", markup=False)
    out.print("Open it within 10 minutes; it logs in once, for 12 hours.")
