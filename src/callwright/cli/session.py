"""What commands work with: the settings made whole, a database, and the two ways to answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

import orjson
import structlog
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callwright import db
from callwright.db import Connection, Pool
from callwright.db.direct import DatabaseAway, direct
from callwright.db.embedded import embedded
from callwright.db.migrate import pending
from callwright.errors import SetupError
from callwright.logs import configure_logging
from callwright.sealing import Sealer, read_secret_key
from callwright.settings import Settings, load_settings
from callwright.up import prepare, secret_key

T = TypeVar("T")
log = structlog.get_logger(__name__)

out = Console(soft_wrap=True, highlight=False)
if not out.is_terminal:
    out.width = 200  # into a file or a pipe: nobody's screen is too narrow


def command_settings() -> Settings:
    """The settings, with logs no louder than a command wants them."""
    settings = load_settings()
    configure_logging(log_format=settings.log_format, log_level="warning")
    return settings


def process_settings(service: str) -> Settings:
    """The settings of a process that needs a database and the secret key, with its logs set up.

    Raises:
        SetupError: One of them is not set.
    """
    settings = load_settings()
    configure_logging(log_format=settings.log_format, log_level=settings.log_level, service=service)
    if settings.database_url is None:
        raise SetupError(
            "CALLWRIGHT_DATABASE_URL is not set",
            "Set it to a PostgreSQL server, or run everything on this machine with: callwright up",
        )
    key = secret_key(settings)
    read_secret_key(key)
    asyncio.run(check_database(settings.database_url.get_secret_value(), may_be_away=True))
    return settings.model_copy(update={"secret_key": SecretStr(key)})


def sealer_of(settings: Settings) -> Sealer:
    """What seals and opens webhook secrets.

    Raises:
        SetupError: There is no secret key, or it cannot be used.
    """
    return Sealer(read_secret_key(secret_key(settings)))


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The address of the database with its schema up to date: the setting's, else the embedded one.

    Raises:
        SetupError: It cannot be reached, or lacks migrations.
    """
    if settings.database_url is None:
        async with embedded(settings.data_dir) as url:
            await prepare(url)
            yield url
        return
    url = settings.database_url.get_secret_value()
    await check_database(url)
    yield url


async def check_database(url: str, *, may_be_away: bool = False) -> None:
    """Say at the start what would otherwise go wrong with every request.

    Args:
        url: The database.
        may_be_away: Whether a server that does not answer now is no reason to stop: it is waited for.

    Raises:
        SetupError: The database refuses us, or lacks migrations, or does not answer.
    """
    try:
        async with direct(url) as connection:
            if await pending(connection):
                raise SetupError("The database's schema is not up to date", "Run: callwright migrate")
    except DatabaseAway as error:
        if not may_be_away:
            raise
        log.warning("the database is away, waiting for it", error=error.message)


def with_pool(settings: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run a command's work that takes several transactions.

    Raises:
        SetupError: As in `database`, and what the work raises.
    """

    async def run() -> T:
        async with database(settings) as url:
            pool = await db.open_pool(url, size=1, name="callwright command")
            try:
                return await work(pool)
            finally:
                await pool.close()

    return asyncio.run(run())


def with_transaction(settings: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Run a command's work in one transaction that sees every partner.

    Raises:
        SetupError: As in `database`, and what the work raises.
    """

    async def run(pool: Pool) -> T:
        async with db.everywhere(pool) as connection:
            return await work(connection)

    return with_pool(settings, run)


MOMENTS = "`2026-01-31` or `2026-01-31T14:30`, UTC unless it says otherwise"
"""What `moment` reads, for the help of options."""


def moment(text: str) -> datetime:
    """Read a time that an operator typed: a date or a date and time in ISO 8601, in UTC unless it says otherwise."""
    try:
        typed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("type it as 2026-01-31 or 2026-01-31T14:30") from None
    return typed if typed.tzinfo else typed.replace(tzinfo=UTC)


def agreed(question: str, *, many: int, yes: bool) -> bool:
    """Whether to go on with so many: one needs no question, more than one needs --yes or an answer."""
    return many > 0 and (many == 1 or yes or typer.confirm(question))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose words are folded on a narrow screen, never cut off, and taken as they are."""
    table = Table(box=None)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(word) for word in row))
    out.print(table)


def print_json(value: object) -> None:
    """Print a value for scripts, exactly and unwrapped."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str))
