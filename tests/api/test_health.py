"""Health: alive without a database, ready only with a whole one."""

from callwright.db import everywhere
from partner_api import open_door


async def test_ready(database_url: str) -> None:
    async with open_door(database_url) as door:
        answer = await door.client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
        async with everywhere(door.pool) as lent:
            await lent.execute("DELETE FROM schema_migrations WHERE version = 3")
        answer = await door.client.get("/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "migrations to apply: 0003_calls")
        async with everywhere(door.pool) as lent:
            await lent.execute("UPDATE schema_migrations SET sha256 = 'other' WHERE version = 1")
        answer = await door.client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")


async def test_database_away(database_url: str) -> None:
    async with open_door(database_url) as door:
        await door.pool.close()
        answer = await door.client.get("/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer")
        assert answer.headers["retry-after"] == "2"
        assert (await door.client.get("/healthz")).json() == {"status": "alive"}
        answer = await door.get("calls/x")
        assert (answer.status_code, answer.json()["message"]) == (503, "Service temporarily unavailable")
        assert int(answer.headers["retry-after"]) >= 1
