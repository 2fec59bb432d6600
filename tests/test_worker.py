"""The worker: a wrong key shows at the start, and the house is kept."""

import asyncio
from ipaddress import ip_network

import pytest

from callwright import audit, worker
from callwright.db import Pool, everywhere
from callwright.errors import SetupError
from callwright.sealing import Sealer
from callwright.settings import Settings
from callwright.worker import check_secret_key, policy_of
from submissions import SEALER, onboard


async def test_another_secret_key_shows_at_the_start(pool: Pool) -> None:
    await check_secret_key(pool, SEALER)
    await onboard(pool)
    await check_secret_key(pool, SEALER)
    with pytest.raises(SetupError, match="CALLWRIGHT_SECRET_KEY"):
        await check_secret_key(pool, Sealer(bytes(32)))


async def test_housekeeping_forgets_old_logins(pool: Pool) -> None:
    async with everywhere(pool) as connection:
        for days in (91, 1):
            await audit.record(connection, "refused", f"key-{days}", address="127.0.0.1", request_id=f"r{days}")
        await connection.execute(
            "UPDATE login_audit SET at = now() - make_interval(days => split_part(request_id, 'r', 2)::int)"
        )
    stop = asyncio.Event()
    task = asyncio.create_task(worker._keep_house(pool, stop))
    async with everywhere(pool) as connection:
        for _ in range(200):
            if await connection.fetchval("SELECT count(*) FROM login_audit") == 1:
                break
            await asyncio.sleep(0.02)
        kept = await connection.fetchval("SELECT array_agg(request_id) FROM login_audit")
    stop.set()
    await task
    assert kept == ["r1"]


def test_settings_name_the_hosts_the_networks_and_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = policy_of(Settings())
    assert (closed.allowed_hosts, closed.allowed_networks) == (frozenset(), ())
    assert {80, 443} <= closed.allowed_ports
    monkeypatch.setenv("CALLWRIGHT_ALLOW_NETWORKS", "PBX.internal., 10.1.0.0/16")
    monkeypatch.setenv("CALLWRIGHT_ALLOW_PORTS", "443,9000")
    opened = policy_of(Settings())
    assert opened.allowed_hosts == {"pbx.internal"}
    assert opened.allowed_networks == (ip_network("10.1.0.0/16"),)
    assert opened.allowed_ports == {443, 9000}
