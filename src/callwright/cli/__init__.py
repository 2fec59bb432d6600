"""Every command; thin: arguments in, one function called, its answer shown."""

import sys

import typer
from rich.console import Console

from callwright.cli import (
    analyses,
    audit,
    callbacks,
    calls,
    console,
    customers,
    database,
    erase,
    erasures,
    listen,
    mcp,
    models,
    partners,
    processes,
    push,
    rubrics,
    tail,
    token_keys,
)
from callwright.errors import NotFound, SetupError, Unavailable
from callwright.logs import mask

app = typer.Typer(
    name="callwright",
    help="Open, self-hosted call intelligence with a partner API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
processes.register(app)
app.add_typer(partners.partner_app, name="partner")
app.add_typer(partners.tenant_app, name="tenant")
app.add_typer(models.app, name="models")
app.add_typer(calls.app, name="call")
app.add_typer(callbacks.app, name="callback")
app.add_typer(tail.app, name="calls")
app.add_typer(customers.app, name="customer")
app.add_typer(erase.app, name="erase")
app.add_typer(erasures.app, name="erasures")
app.add_typer(rubrics.app, name="rubric")
app.add_typer(token_keys.app, name="token-key")
app.add_typer(database.app, name="db")
app.command("analyse")(analyses.analyse)
app.command("audit")(audit.show)
app.command("console")(console.console)
app.command("push")(push.push)
app.command("listen")(listen.listen)
app.command("mcp")(mcp.mcp)


def main() -> None:
    """Run the command line; what the operator must put right is one sentence and what to do, without a traceback."""
    try:
        app(prog_name="callwright")
    except SetupError as error:
        _fail(error.message, error.fix)
    except NotFound as error:
        _fail(error.message, "Check the names; they are compared to the letter")
    except Unavailable as error:
        _fail(f"The database went away: {error.__cause__!r}", "Run `callwright doctor`")


def _fail(message: str, fix: str) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(mask(message), style="red", markup=False)
    console.print(f"→ {mask(fix)}", markup=False)
    sys.exit(1)
