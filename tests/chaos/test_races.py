"""Twenty clients race for the same calls over real connections: each call is taken once, and nobody is sent away."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from callwright.db import Pool
from partner_api import BATCH_CALL, Body, a_batch, a_record
from real_server import a_door, a_server

CLIENTS = 20


class Racers:
    """Clients with a connection of their own each, to two servers on one database.

    Args:
        clients: Who races.
        partner_id: As whom all of them come in.
        headers: What lets them in.
    """

    def __init__(self, clients: list[httpx.AsyncClient], partner_id: int, headers: httpx.Headers) -> None:
        self._clients = clients
        self.partner_id = partner_id
        self._headers = headers

    async def race(self, bodies: list[Body]) -> list[dict[str, Any]]:
        """Send one body from each client at once; gives what each was answered, which must be a 200."""
        together = asyncio.Barrier(len(bodies))

        async def run(client: httpx.AsyncClient, body: Body) -> dict[str, Any]:
            await together.wait()
            answer = await client.post(BATCH_CALL, json=body, headers=self._headers)
            assert answer.status_code == 200, answer.text
            data: dict[str, Any] = answer.json()["data"]
            assert (data["accepted"], data["duplicates"]) == (
                sum(entry["status"] == "accepted" for entry in data["calls"]),
                sum(entry["status"] == "duplicate" for entry in data["calls"]),
            )
            return data

        return await asyncio.gather(*(run(*pair) for pair in zip(self._clients, bodies, strict=True)))


@pytest.fixture
async def racers(database_url: str, rows: Pool) -> AsyncIterator[Racers]:
    async with AsyncExitStack() as stack:
        ports = [(await stack.enter_async_context(a_server(database_url)))[0] for _ in range(2)]
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports[number % 2]}", timeout=60, trust_env=False)
            )
            for number in range(CLIENTS)
        ]
        door = await a_door(clients[0], database_url)
        await rows.execute("UPDATE partners SET rate_limit = 1000000")
        for client in clients:  # so that connections and logins are no part of the race
            assert (await client.get("/api/v1/partner/calls/none", headers=door.headers())).status_code == 404
        yield Racers(clients, door.partner.partner_id, door.headers())


async def test_the_same_call_is_accepted_once(racers: Racers, rows: Pool) -> None:
    for number in range(10):
        answers = await racers.race([a_batch(a_record(f"same-{number}"))] * CLIENTS)
        entries = [entry for answer in answers for entry in answer["calls"]]
        assert entries.count({"id": f"same-{number}", "status": "accepted"}) == 1
        assert entries.count({"id": f"same-{number}", "status": "duplicate"}) == CLIENTS - 1
    assert await rows.fetchval("SELECT count(*) FROM pgqueuer") == 10, "and worked on once"
    assert await rows.fetchval("SELECT count(*) FROM dispositions") == 10, "and told of its customer once"


async def test_the_same_id_with_another_body_is_told_so_and_changes_nothing(racers: Racers, rows: Pool) -> None:
    for number in range(10):
        bodies = [
            a_batch(
                a_record(
                    f"other-{number}",
                    agent__name=f"Agent {number} of {racer}",
                    customer__name=f"Customer {number} of {racer}",
                    customer__disposition_status=f"status {number} of {racer}",
                    call__recording_url=f"https://recordings.example.com/{number}/{racer}.mp3",
                )
            )
            for racer in range(CLIENTS)
        ]
        answers = await racers.race(bodies)
        entries = [answer["calls"][0] for answer in answers]
        (winner,) = [racer for racer, entry in enumerate(entries) if entry["status"] == "accepted"]
        lost = {"id": f"other-{number}", "status": "duplicate", "changed": True}
        assert entries.count(lost) == CLIENTS - 1
        kept = await rows.fetchrow(
            """
            SELECT c.recording_url, a.name AS agent, u.name AS customer, u.disposition_status
            FROM calls c JOIN agents a USING (partner_id, subtenant_no, agent_id)
            JOIN customers u USING (partner_id, subtenant_no, customer_id)
            WHERE c.partner_id = $1 AND c.call_id = $2
            """,
            racers.partner_id,
            f"other-{number}",
        )
        assert kept is not None
        assert tuple(kept) == (
            f"https://recordings.example.com/{number}/{winner}.mp3",
            f"Agent {number} of {winner}",
            f"Customer {number} of {winner}",
            f"status {number} of {winner}",
        ), "the winner's, and nothing of the others'"


@pytest.mark.parametrize("calls", [100, 10_000], ids=["the same calls", "calls of their own"])
async def test_batches_that_cross_in_every_order_are_never_sent_away(racers: Racers, rows: Pool, calls: int) -> None:
    """Batches in an order of their own, whose names of agents and customers differ: every row is fought for."""
    taken = Counter[str]()
    for turn in range(5):
        chance = random.Random(turn)
        bodies = []
        for racer in range(CLIENTS):
            records = [
                a_record(
                    f"{turn}-{call:05d}",
                    call__end_time=f"2023-01-{chance.randrange(2, 28):02d}T10:30:00Z",
                    agent__id=f"agent-{chance.randrange(10)}",
                    agent__name=f"Agent of {racer} in {turn}",
                    customer__id=f"customer-{chance.randrange(20)}",
                    customer__name=f"Customer of {racer} in {turn}",
                    customer__disposition_status=f"status {racer} in {turn}",
                )
                for call in chance.sample(range(calls), 50)
            ]
            bodies.append(a_batch(*records))
        for answer in await racers.race(bodies):
            taken.update(entry["id"] for entry in answer["calls"] if entry["status"] == "accepted")
    assert set(taken.values()) == {1}
    assert (
        len(taken)
        == await rows.fetchval("SELECT count(*) FROM calls")
        == await rows.fetchval("SELECT count(*) FROM pgqueuer")
    )
    assert (
        await rows.fetch(
            """
        SELECT customer_id, disposition_status, disposition_effective_at FROM customers u
        WHERE NOT EXISTS (
            SELECT FROM dispositions d
            WHERE (d.partner_id, d.subtenant_no, d.customer_id) = (u.partner_id, u.subtenant_no, u.customer_id)
              AND d.status = u.disposition_status AND d.effective_at = u.disposition_effective_at)
           OR u.disposition_effective_at <> (
            SELECT max(d.effective_at) FROM dispositions d
            WHERE (d.partner_id, d.subtenant_no, d.customer_id) = (u.partner_id, u.subtenant_no, u.customer_id))
        """
        )
        == []
    ), "a customer stands as the latest of its history says"
    assert await rows.fetch("SELECT agent_id FROM calls EXCEPT SELECT agent_id FROM agents") == [], (
        "and each call's agent is there"
    )
