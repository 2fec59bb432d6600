"""Everything through PgBouncer in transaction mode: what a plain connection loses there, and the whole journey."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from bouncer import PROGRAM, SERVER_CONNECTIONS, a_bouncer
from callwright import db
from callwright.db import open_pool
from callwright.db.direct import direct
from callwright.db.pooler import ways
from callwright.doctor import _database
from callwright.errors import SetupError
from callwright.settings import Settings
from callwright.up import prepare
from journey_house import RECORDINGS, built, working

needs_bouncer = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")


@pytest.fixture
async def through(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    async with a_bouncer(tmp_path, database_url) as url:
        yield url


@needs_bouncer
async def test_the_journey_goes_through_it(through: str, tmp_path: Path) -> None:
    url = f"{through}?pgbouncer=true"
    assert await prepare(url) == [], "migrations and the queue's tables take it, too"
    pool = await open_pool(url, size=4, name="tests")
    async with built(pool, url, tmp_path) as house:
        spoken = house.serve(RECORDINGS / "nobody-there.wav")
        words = {"transcript": [{"speaker": "customer", "start": 1, "end": 2, "text": "Hello, who is this?"}]}
        records = [house.record(f"call-{number}", spoken, **words) for number in range(3)]
        async with working(house.settings):
            assert {call["status"] for call in (await house.push(*records))["calls"]} == {"accepted"}
            ended = await asyncio.gather(*(house.ended(f"call-{number}") for number in range(3)))
        told = house.called_back()
        assert {call["callback_status"] for call in ended} == {"delivered"}
        assert {call_id: call["status"] for call_id, call in told.items()} == {
            f"call-{number}": "completed" for number in range(3)
        }
        for path in ("calls", "reports/summary", "search?q=hello", "callbacks", "usage"):
            assert (await house.client.get(f"/api/v1/partner/{path}")).status_code == 200, path
    await pool.close()


@needs_bouncer
async def test_more_clients_than_connections_share_them_and_no_statement_meets_anothers(through: str) -> None:
    pool = await open_pool(f"{through}?pgbouncer=true", size=4 * SERVER_CONNECTIONS, name="tests")
    servers: set[int] = set()

    async def ask(number: int) -> None:
        for _ in range(10):
            async with db.beside(pool) as connection:
                row = await connection.fetchrow("SELECT $1::int AS it, pg_backend_pid() AS server", number)
                assert await connection.fetchval(f"SELECT $1::int + {number}", number) == 2 * number
                assert await connection.execute("SELECT $1::text", str(number)) == "SELECT 1"
                assert await connection.fetchval("SELECT $1::jsonb", {"it": number}) == {"it": number}
            assert row is not None
            assert row["it"] == number
            servers.add(row["server"])
            async with db.transaction(pool, number) as connection:
                shown = await connection.fetchval("SELECT current_setting('callwright.partner_id')")
                assert shown == str(number)

    await asyncio.gather(*(ask(number) for number in range(1, 4 * SERVER_CONNECTIONS)))
    assert 1 < len(servers) <= SERVER_CONNECTIONS
    async with db.beside(pool) as connection:
        assert await connection.fetchval("SELECT current_setting('callwright.partner_id', true)") in (None, "")
        assert await connection.fetchval("SELECT current_user = session_user")
    await pool.close()


@needs_bouncer
async def test_without_the_parameter_the_doctor_names_it(through: str, database_url: str) -> None:
    plain = await asyncpg.connect(database_url)
    for url, named in ((through, True), (f"{through}?pgbouncer=true", False)):
        async with direct(url) as connection:
            found = await _database(Settings.model_validate({"database_url": url}), connection)
        assert ("pgbouncer=true" in (found.fix or "")) is named
    found = await _database(Settings.model_validate({"database_url": database_url}), plain)
    assert "pgbouncer" not in (found.fix or "")
    await plain.close()


def test_the_parameter_is_ours_alone() -> None:
    session = {"application_name": "a", "timezone": "UTC", "jit": "off"}
    assert ways("postgresql://u@h/d?sslmode=require", session) == {
        "dsn": "postgresql://u@h/d?sslmode=require",
        "server_settings": session,
    }
    pooled = ways("postgresql://u@h/d?sslmode=require&pgbouncer=true", session)
    assert (pooled["dsn"], pooled["statement_cache_size"]) == ("postgresql://u@h/d?sslmode=require", 0)
    assert pooled["server_settings"] == {"application_name": "a", "timezone": "UTC"}
    with pytest.raises(SetupError, match="another value than true"):
        ways("postgresql://u@h/d?pgbouncer=yes", session)
