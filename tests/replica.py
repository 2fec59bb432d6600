"""A streaming replica of a server of the test's own, made by pg_basebackup as an operator makes one."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from callwright import queue
from callwright.db.embedded import CLUSTER, LOG, EmbeddedPostgres, _command, _environment, socket_dir
from callwright.db.migrate import migrate


@dataclass
class Pair:
    """A primary with the schema, and what follows it."""

    primary: EmbeddedPostgres
    replica: EmbeddedPostgres

    async def at_replica(self, question: str) -> object:
        """Ask the replica past the application."""
        connection = await asyncpg.connect(self.replica.url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    def asked(self) -> int:
        """How many of the application's read transactions the replica has begun, by its log."""
        return (self.replica.data_dir / LOG).read_text().count("BEGIN READ ONLY")

    async def level(self) -> None:
        """Wait until the replica has all that the primary has now, what is not on its disk yet too."""
        connection = await asyncpg.connect(self.primary.url)
        await connection.execute("CREATE TABLE level (); DROP TABLE level")  # a commit that is waited for
        end = await connection.fetchval("SELECT pg_current_wal_lsn()::text")
        await connection.close()
        async with asyncio.timeout(30):
            while True:
                if await self.at_replica(f"SELECT pg_last_wal_replay_lsn() >= '{end}'"):
                    return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def a_pair(folder: Path) -> AsyncIterator[Pair]:
    """Run both for the time of the block; the replica waits with its replay for nobody, and logs each statement."""
    primary = EmbeddedPostgres(folder / "primary", configuration={"fsync": "off", "wal_level": "replica"})
    waits_for_nobody = {"fsync": "off", "log_statement": "all", "max_standby_streaming_delay": "0"}
    replica = EmbeddedPostgres(folder / "replica", configuration=waits_for_nobody)
    try:
        connection = await asyncpg.connect(await primary.start())
        await migrate(connection)
        await queue.install(connection)
        await connection.close()
        target = folder / "replica" / CLUSTER
        target.mkdir(mode=0o700, parents=True)
        copy = ["pg_basebackup", "-h", str(socket_dir(primary.data_dir)), "-p", "5432", "-U", "callwright"]
        copy += ["-D", str(target), "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        await asyncio.to_thread(subprocess.run, _command([*copy], target), env=_environment(), check=True)
        await replica.start()
        yield Pair(primary, replica)
    finally:
        await replica.stop()
        await primary.stop()
