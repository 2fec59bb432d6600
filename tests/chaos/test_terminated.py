"""Every connection of the database is ended again and again under load: nothing is lost, and the processes live on."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from chaos.house import a_house
from chaos.load import Load

ROUNDS = 20
PATIENCE_SECONDS = 120.0
END_ALL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'callwright%'
"""


@pytest.mark.timeout(300)
async def test_connections_ended_under_load(tmp_path: Path, database_url: str) -> None:
    ended = 0
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=1) as owner,
        a_house(tmp_path, database_url, workers=2) as house,
    ):
        load = Load(house, seed=1)
        async with load.running():
            await asyncio.wait_for(load.recovered(), PATIENCE_SECONDS)
            for pause in range(ROUNDS):
                ended += await owner.fetchval(END_ALL)
                await asyncio.sleep(0.1 + pause % 4 * 0.3)
            await asyncio.wait_for(load.recovered(), PATIENCE_SECONDS)
        figures = await house.settled(PATIENCE_SECONDS)
        assert [process.ends for process in house.processes.values()] == [[], [], []], "no process ended"
    assert ended > 2 * ROUNDS
    assert figures.lost == 0
    assert figures.promised > 20
