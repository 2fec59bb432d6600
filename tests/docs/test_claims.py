"""What pages claim of the code: the figures they name, and the facts that the decisions rest on."""

import ast
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from callwright import callbacks, calls, canned, checkpoints, lanes, web, worker
from callwright.analysis import Metrics, metrics
from callwright.api import auth, body, faults, models, rules, wire
from callwright.callbacks import RetryPolicy
from callwright.customers import read_customer
from callwright.db import Pool, everywhere
from callwright.errors import NotFound
from callwright.recordings.audio import DecodeLimits
from callwright.recordings.decoder import HIGHEST_RATE, LOWEST_RATE
from callwright.recordings.fetch import FetchLimits
from callwright.recordings.listening import LINK_SECONDS
from callwright.recordings.store import BUFFER
from callwright.reports import read_batch, read_call
from callwright.transcription import pieces
from docs.answers import SOURCE
from docs.pages import ROOT, code_spans, page, rows
from submissions import onboard, scope, submission

WORKERS = worker.POOL_CONNECTIONS + worker.QUEUE_CONNECTIONS
SCOPED = (
    *("agents", "analyses", "batches", "callback_attempts", "callbacks", "calls", "customers", "dispositions"),
    *("contact_rollups", "day_calls", "day_rollups", "ended_calls", "recordings", "recounts_due", "rolled_subtenants"),
    *("subtenants", "transcript_pieces", "transcripts"),
)
"""The tables of what partners send and get."""
ASKS = re.compile(rf"(?i)\b(?:from|join|into|update)\s+(?:{'|'.join(SCOPED)})\b")

COUNT = {3: "three", 4: "four", 5: "five"}
FETCH, DECODE, RETRY = FetchLimits(), DecodeLimits(), RetryPolicy()
ERRORS, HOW_TO = "docs/reference/errors.md", "docs/how-to/"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("README.md", f"batch of 1 to {models.MAX_CALLS} calls"),
        ("README.md", f"tried again {COUNT[callbacks.TRIES - 1]} times"),
        (ERRORS, f"more than {body.MAX_BYTES:,} bytes"),
        (ERRORS, f"more than {wire.HEAD_BYTES // 1024} KB of headers"),
        (ERRORS, f"more than {wire.HEAD_LINES} headers"),
        (ERRORS, f"a transcript that has more than {faults.MOST_TURN_FAULTS} faults already"),
        (ERRORS, f"no more than {models.MAX_CALLS} elements` | `data`; {models.MAX_CUSTOM_FIELDS} for `custom_fields`"),
        (ERRORS, f"no more than {rules.MAX_METADATA_KEYS} keys"),
        (ERRORS, f"{models.MAX_TURNS:,} for `transcript`"),
        (ERRORS, f"up to {COUNT[calls.TRIES]} tries in all"),
        (ERRORS, f"{FETCH.stall_seconds:g} seconds without a byte, {FETCH.max_seconds / 60:g} minutes for all of it"),
        (ERRORS, f"more than {FETCH.max_redirects} redirects"),
        (ERRORS, f"more than {FETCH.max_bytes // 1_000_000} MB"),
        (ERRORS, f"more than {DECODE.seconds / 3600:g} hours of sound"),
        (ERRORS, f"below {LOWEST_RATE / 1000:g} or above {HIGHEST_RATE / 1000:g} kHz"),
        ("docs/explanation/what-happens-to-a-call.md", f"at most {FETCH.max_bytes // 1_000_000} MB"),
        ("docs/explanation/what-happens-to-a-call.md", f"tried up to {COUNT[calls.TRIES]} times"),
        (HOW_TO + "receive-callbacks.md", f"within {RETRY.timeout:g} seconds acknowledges"),
        (HOW_TO + "receive-callbacks.md", f"tried again {COUNT[callbacks.TRIES - 1]} times"),
        (HOW_TO + "receive-callbacks.md", f"about {RETRY.first_wait:g} seconds, one minute and six minutes later"),
        (HOW_TO + "run-on-your-own-postgresql.md", f"at most {web.POOL_CONNECTIONS} connections"),
        (HOW_TO + "run-on-your-own-postgresql.md", f"a worker {WORKERS}"),
        (HOW_TO + "use-pgbouncer.md", f"and each worker opens up to {WORKERS} connections"),
        (HOW_TO + "run-several-workers.md", f"A worker has up to {WORKERS} connections"),
        ("docs/scaling.md", f"a worker has up to {WORKERS}, as a process"),
        (HOW_TO + "keep-recordings-in-s3.md", f"Recordings above {BUFFER // 1024**2} MB are sent in parts"),
        (HOW_TO + "keep-recordings-in-s3.md", f"for {COUNT[LINK_SECONDS // 60]} minutes, to whoever has it"),
        ("docs/quickstart.md", f"answers within {RETRY.timeout:g} seconds"),
    ],
)
def test_figures_are_those_of_the_code(name: str, sentence: str) -> None:
    assert sentence in re.sub(r"\s+", " ", page(name))


def test_figures_that_pages_put_into_words() -> None:
    assert RETRY.first_wait * RETRY.factor == 60
    assert RETRY.first_wait * RETRY.factor**2 == 360
    assert callbacks.LONGEST_WAIT_SECONDS == 3600
    assert lanes.POLL.total_seconds() == 0.5
    assert web.POOL_CONNECTIONS == WORKERS
    assert auth.FRESH_SECONDS < 1


def test_lock_files_hold_hashes_and_no_addresses() -> None:
    locks = sorted((ROOT / "requirements").glob("*.lock"))
    assert [lock.name for lock in locks] == ["base.lock", "dev.lock", "node.lock", "s3.lock", "tools.lock", "uv.lock"]
    for lock in locks:
        text = lock.read_text("utf-8")
        pinned = re.findall(r"^[a-z0-9][\w.-]*==", text, re.MULTILINE)
        assert "://" not in text
        assert pinned
        assert len(pinned) == len(re.findall(r"==[^\n]*\\\n +--hash=sha256:", text))
        assert "moto==" not in pinned


def test_the_lock_file_of_the_scripts_holds_hashes_and_no_addresses() -> None:
    lock = json.loads(page("web/package-lock.json"))
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert len(packages) > 10
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
    assert not [name for name, about in packages.items() if "resolved" in about]
    named = json.loads(page("web/package.json"))
    pinned = {**named["dependencies"], **named["devDependencies"]}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in pinned} == pinned


def unscoped(text: str) -> list[str]:
    """The statements of a module that touch a partner's data without naming the partner."""
    strings = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values)
        if isinstance(node, ast.JoinedStr)
        else str(node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    ]
    statements = [s for s in strings if re.search(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b", s) and ASKS.search(s)]
    return [statement for statement in statements if "partner_id" not in statement]


OVER_ALL_PARTNERS = {SOURCE / "reports" / "operation.py"}
"""What counts for the operator alone: figures of the whole installation, no row of a partner's data."""


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_every_query_names_the_partner() -> None:
    found = {path: unscoped(path.read_text("utf-8")) for path in modules()}
    assert {path for path, statements in found.items() if statements} == OVER_ALL_PARTNERS
    assert sum(len(ASKS.findall(path.read_text("utf-8"))) for path in modules()) > 20, "queries are found"
    assert unscoped('QUESTION = "SELECT state FROM calls WHERE call_id = $1"')
    assert unscoped('f"UPDATE callbacks SET state = {1}"')


async def test_equal_names_of_two_partners_never_meet(pool: Pool) -> None:
    await onboard(pool, "acme")
    await onboard(pool, "other")
    ours, theirs = await scope(pool, "acme"), await scope(pool, "other")
    elsewhere = await scope(pool, "acme", "t", "another")
    accepted = await calls.accept(pool, ours, [submission()])
    async with everywhere(pool) as lent:
        assert (await read_call(lent, ours, "call-1"))["id"] == "call-1"
        for outsider in (theirs, elsewhere):
            with pytest.raises(NotFound):
                await read_call(lent, outsider, "call-1")
            with pytest.raises(NotFound):
                await read_batch(lent, outsider, str(accepted.batch_id))
            with pytest.raises(NotFound):
                await read_customer(lent, outsider, "customer-1")


async def test_what_the_decisions_say_of_the_database(pool: Pool) -> None:
    async with everywhere(pool) as lent:
        keys = await lent.fetch(
            """
            SELECT t.relname AS name, a.attname AS first_of_key, t.relrowsecurity AS secured
            FROM pg_class t
            JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
            WHERE t.relnamespace = 'public'::regnamespace
            """
        )
        triggers = await lent.fetch(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'pgqueuer'::regclass AND NOT tgisinternal"
        )
    found = {row["name"]: row for row in keys}
    assert {found[table]["first_of_key"] for table in SCOPED} == {"partner_id"}
    assert all(found[table]["secured"] for table in SCOPED)
    assert triggers == [], "PgQueuer sends no NOTIFY"


def test_the_page_on_metrics_names_each_and_the_lengths_they_rest_on() -> None:
    text = page("docs/explanation/conversation-metrics.md")
    assert {span for row in rows(text) for span in code_spans(row[0])} - {"field"} == {f.name for f in fields(Metrics)}
    lengths = (metrics.BACKCHANNEL_SECONDS, metrics.INTERRUPTION_OVERLAP_SECONDS, metrics.SILENCE_SECONDS)
    said = ", ".join(f"{length:g}" for length in lengths) + f" and {metrics.LEAST_RATED_SECONDS:g} seconds"
    assert f"The lengths of {said} are our own choice" in text


def test_the_page_on_test_mode_has_every_magic_id_and_how_slow_a_slow_one_is() -> None:
    text = page("docs/how-to/test-your-integration.md")
    stated = {code_spans(row[0])[0]: row[1] for row in rows(text)}
    assert list(stated) == list(canned.MAGIC)
    assert all(f"`{code}`" in stated[name] for name, code in canned.FAILURES.items())
    assert all(f"`{intent}`" in stated[name] for name, intent in canned.INTENTS.items())
    assert f"{canned.SLOW_SECONDS:g} seconds" in stated[canned.SLOW]
    assert f"`{next(name for name, intent in canned.INTENTS.items() if intent == canned.DEFAULT)}` is" in text


def test_the_page_on_long_calls_says_from_when_and_how_much() -> None:
    text = re.sub(r"\s+", " ", page("docs/decisions/long-calls-in-pieces.md"))
    assert f"A call with {checkpoints.LONG_SECONDS / 60:g} minutes of speech or more" in text
    assert f"about {pieces.GROUP_SECONDS:g} seconds of speech of one channel at a time" in text
