"""Ingest and reading with millions of calls stored against ten thousand: two databases side by side on one server."""

import datetime as dt
import itertools
import random
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from urllib.parse import urlsplit

import asyncpg
import orjson
from pydantic import TypeAdapter

from bench.figures import Figure
from bench.house import PARTNERS, Account, Api, House, a_server, furnished, serving
from bench.ingest import BATCH, new_calls
from bench.load import drive
from bench.scale import Scale
from bench.stub_worker import analysis, transcript
from callwright.analysis import Analysis
from callwright.transcription import Transcript

READERS = 4
READS = 500
RESULTS_OF = 9
"""One call in so many has been through the pipeline; those are the ones that are read, of every partner."""
FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""When the first call came in; each other one a second after the one before."""
STEP = 250_000
"""Calls that are filled in at a time."""

# As the ingest statement leaves them, with keys that fall all over the index. $1: the first number, $2: the last one,
# $3: the partners, $4: their subtenants.
_NUMBERED = """
    SELECT n, md5(n::text) AS call_id, p.partner_id, p.subtenant_no,
        timestamptz '2026-01-01 00:00Z' + n * interval '1 second' AS at
    FROM generate_series($1::bigint, $2::bigint) AS n
    JOIN unnest($3::bigint[], $4::bigint[]) WITH ORDINALITY AS p (partner_id, subtenant_no, ord)
        ON p.ord = 1 + n % cardinality($3::bigint[])
"""
_BATCH_ID = f"md5((n / {BATCH * PARTNERS})::text || ' ' || partner_id)::uuid"
_DONE = f"n % {RESULTS_OF} = 0"
_FILL = (
    f"""
    INSERT INTO calls (partner_id, call_id, subtenant_no, batch_id, body_hash, state, callback_state, start_time,
        end_time, received_at, agent_id, customer_id, contact_number, recording_url, callback_url, industry, function,
        metadata, custom_fields)
    SELECT partner_id, call_id, subtenant_no, {_BATCH_ID}, decode(call_id, 'hex'), 'completed',
        'delivered', at, at + interval '9 minutes', at, 'agent-' || n % 20, 'customer-' || call_id, '+12025550123',
        'https://recordings.telephony.example.com/accounts/48213/2026/11/' || call_id || '.mp3',
        'https://crm.partner.example.com/integrations/callwright/callback', 'Technology', 'Sales',
        '{{"campaign": "Quarterly Outreach", "attempt": 2, "deal": 48213}}',
        '[{{"internal_name": "lead_source", "value": "Website"}}]'
    FROM ({_NUMBERED}) AS x
    """,
    f"""
    INSERT INTO customers (partner_id, subtenant_no, customer_id, name, email, disposition_status,
        disposition_effective_at)
    SELECT partner_id, subtenant_no, 'customer-' || call_id, 'Jordan Example-Customer',
        'jordan.' || n || '@customer.example.com', 'interested', at
    FROM ({_NUMBERED}) AS x
    """,
    f"""
    INSERT INTO dispositions (partner_id, subtenant_no, customer_id, status, effective_at, source, call_id)
    SELECT partner_id, subtenant_no, 'customer-' || call_id, 'interested', at, 'call', call_id
    FROM ({_NUMBERED}) AS x
    """,
    f"""
    INSERT INTO batches (partner_id, batch_id, subtenant_no, call_ids, duplicates, received_at)
    SELECT partner_id, {_BATCH_ID}, subtenant_no, array_agg(call_id ORDER BY n),
        array_fill(false, ARRAY[count(*)::integer]), max(at)
    FROM ({_NUMBERED}) AS x GROUP BY 1, 2, 3
    """,
    f"""
    INSERT INTO recordings (partner_id, call_id, subtenant_no, store_key, size, sha256, container, codec, sample_rate,
        channels, seconds)
    SELECT partner_id, call_id, subtenant_no, 'recordings/' || call_id, 480058, decode(call_id, 'hex'), 'wav',
        'pcm_mulaw', 8000, 1, 60
    FROM ({_NUMBERED}) AS x WHERE {_DONE}
    """,
)
_FILL_TRANSCRIPTS = f"""
    INSERT INTO transcripts (partner_id, call_id, engine, quality, body)
    SELECT partner_id, call_id, 'stub', 'final', $5::text::jsonb FROM ({_NUMBERED}) AS x WHERE {_DONE}
"""
_FILL_ANALYSES = f"""
    INSERT INTO analyses (partner_id, call_id, engine, intent, intent_score, quality_score, body)
    SELECT partner_id, call_id, 'stub', 'INTERESTED', 74, 82, $5::text::jsonb FROM ({_NUMBERED}) AS x WHERE {_DONE}
"""
_SOME = f"""
    SELECT call_id FROM ({_NUMBERED}) AS x WHERE {_DONE} AND partner_id = $5 ORDER BY random() LIMIT {READS}
"""


async def measure(scale: Scale) -> list[Figure]:
    """Figure 9."""
    few, many = scale.stored
    async with a_server() as (folder, url):
        small_url, large_url = await _another_database(url, "small"), await _another_database(url, "large")
        (folder / "small").mkdir()
        (folder / "large").mkdir()
        small, large = await furnished(folder / "small", small_url), await furnished(folder / "large", large_url)
        await fill(small, few)
        await fill(large, many)
        async with serving(small) as of_small, serving(large) as of_large:
            taken = await in_turns([(small, of_small, few), (large, of_large, many)], scale)
    return [
        Figure(
            "ingest with many calls stored",
            f"{median(taken.rates[1]):,.0f} calls/s at {many:,}",
            f"{median(taken.rates[0]):,.0f} calls/s at {few:,}",
            median(two / one for one, two in zip(*taken.rates, strict=True)),
            0.85,
        ),
        _reading("GET calls/{id} with many calls stored", taken.reads, (few, many), "random calls with transcript and "
                 "analysis"),
        _reading("GET calls, a page, with many calls stored", taken.pages, (few, many), "pages of 50 calls from random "
                 "times on"),
        _reading("GET calls, a page of one agent, with many calls stored", taken.filtered, (few, many), "pages of 50 "
                 "calls from random times on, of one agent in 5"),
    ]  # fmt: skip


def _reading(name: str, seconds: list[list[float]], stored: tuple[int, int], what: str) -> Figure:
    return Figure(
        name,
        f"{median(seconds[1]) * 1000:.2f} ms at {stored[1]:,}",
        f"{median(seconds[0]) * 1000:.2f} ms at {stored[0]:,}",
        median(two / one for one, two in zip(*seconds, strict=True)),
        2.0,
        at_most=True,
        note=f"median of {READS} {what}, {READERS} connections",
    )


@dataclass(slots=True)
class Taken:
    """Calls per second and the median seconds of each reading, of the small database and of the large one."""

    rates: list[list[float]] = field(default_factory=lambda: [[], []])
    reads: list[list[float]] = field(default_factory=lambda: [[], []])
    pages: list[list[float]] = field(default_factory=lambda: [[], []])
    filtered: list[list[float]] = field(default_factory=lambda: [[], []])


async def in_turns(houses: list[tuple[House, Api, int]], scale: Scale) -> Taken:
    """Measure each house, round by round after a warm-up."""
    taken = Taken()
    for number in range(scale.rounds + 1):
        for index, (house, api, stored) in enumerate(houses):
            whose = random.randrange(len(house.accounts))
            account = house.accounts[whose]
            seconds = scale.seconds if number else 1.0
            rate = BATCH * await new_calls(house, api, size=BATCH, clients=4, seconds=seconds)
            calls = [f"/{call_id}" for call_id in await _some(house, account, stored)]
            pages = [f"?until={_received(random.randrange(stored // 2, stored))}" for _ in range(READS)]
            read = await _read(api, account, calls)
            page = await _read(api, account, pages)
            filtered = await _read(api, account, [f"{each}&agent_id=agent-{whose}" for each in pages])
            if number:
                taken.rates[index].append(rate)
                taken.reads[index].append(read)
                taken.pages[index].append(page)
                taken.filtered[index].append(filtered)
    return taken


def _received(number: int) -> str:
    """When a call came in that was filled in."""
    return (FIRST + dt.timedelta(seconds=number)).isoformat().replace("+00:00", "Z")


async def _another_database(url: str, name: str) -> str:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return urlsplit(url)._replace(path=f"/{name}").geturl()


async def fill(house: House, count: int) -> None:
    """Store calls, in every table that the ingest writes but the queue, which is empty once they are done."""
    scopes = [account.scope for account in house.accounts]
    owners = [scope.partner_id for scope in scopes], [scope.subtenant_no for scope in scopes]
    bodies = [
        orjson.dumps(TypeAdapter(kind).dump_python(value, mode="json")).decode()
        for kind, value in ((Transcript, transcript(60.0, "en")), (Analysis, analysis(60.0)))
    ]
    connection = await asyncpg.connect(house.url)  # the role that made the tables: row level security lets it pass
    for first in range(0, count, STEP):
        span = first, min(first + STEP, count) - 1
        for statement in _FILL:
            await connection.execute(statement, *span, *owners)
        for statement, body in zip((_FILL_TRANSCRIPTS, _FILL_ANALYSES), bodies, strict=True):
            await connection.execute(statement, *span, *owners, body)
    for table in ("calls", "customers", "dispositions", "batches", "recordings", "transcripts", "analyses"):
        await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _read(api: Api, account: Account, paths: list[str]) -> float:
    """Read what is behind `calls`; gives the median seconds of one."""
    sent = [f"GET /api/v1/partner/calls{path} HTTP/1.1\r\n{account.headers()}\r\n".encode() for path in paths]
    shared = itertools.chain(sent, itertools.repeat(None))
    tally = await drive(api.port, [partial(next, shared)] * READERS, b'"success":true')
    return median(tally.latencies)


async def _some(house: House, account: Account, stored: int) -> list[str]:
    scopes = [each.scope for each in house.accounts]
    owners = [scope.partner_id for scope in scopes], [scope.subtenant_no for scope in scopes]
    first = random.randrange(max(1, stored - STEP))
    connection = await asyncpg.connect(house.url)
    rows = await connection.fetch(_SOME, first, min(first + STEP, stored) - 1, *owners, account.scope.partner_id)
    await connection.close()
    return [row["call_id"] for row in rows]
