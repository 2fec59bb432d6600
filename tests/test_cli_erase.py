"""`callwright erase`, `tenant retain` and `audit --erasures`: shown first, asked, erased, proved."""

import json
from pathlib import Path

import pytest

from callwright.cli.erase import e164
from callwright.db import Pool, everywhere
from judged import analysis, ended
from submissions import onboard, scope
from test_cli import Run, _as_before, on_database, run
from test_cli_again import on

__all__ = ["_as_before", "on_database", "run"]


@pytest.fixture
def acme(on_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A database with a partner that has three calls of two customers in two subtenants."""
    monkeypatch.setenv("CALLWRIGHT_STORE_URL", str(tmp_path))

    async def make(pool: Pool) -> None:
        await onboard(pool)
        for name, subtenant, customer in (("one", "s", "k"), ("two", "s", "k"), ("three", "other", "j")):
            whose = await scope(pool, subtenant=subtenant)
            sent = {"customer_id": customer, "customer_email": "Jo@example.com", "disposition_status": "won"}
            await ended(pool, whose, name, analysis(), **sent)

    on(on_database, make)
    return on_database


def left(url: str) -> list[str]:
    async def read(pool: Pool) -> list[str]:
        async with everywhere(pool) as lent:
            return [row["call_id"] for row in await lent.fetch("SELECT call_id FROM calls ORDER BY call_id")]

    return on(url, read)


def test_a_dry_run_shows_what_would_go(run: Run, acme: str) -> None:
    shown = run("erase", "customer", "acme", "k", "--dry-run")
    counts = dict(line.split() for line in shown.splitlines()[1:-1])
    assert counts == {"customers": "1", "calls": "2", "analyses": "2", "dispositions": "2"}
    assert "Nothing was erased" in shown
    assert len(left(acme)) == 3
    assert run("audit", "--erasures") == "No erasure yet.\n"


def test_a_customer_is_erased_and_proved(run: Run, acme: str) -> None:
    erased = run("erase", "customer", "acme", "k", "--yes")
    assert "Erased: 2 calls, 1 customers, 1 agents;" in erased
    assert left(acme) == ["three"]
    [proof] = json.loads(run("audit", "--erasures", "--partner", "acme", "--json"))
    assert (proof["kind"], proof["asked_by"], proof["calls"]) == ("customer", "command", 2)
    assert proof["who"]
    assert proof["erasure_id"] in erased
    assert proof["done_at"] is not None
    table = run("audit", "--erasures")
    assert proof["erasure_id"] in table
    assert "pending" not in table


def test_by_number_and_by_address(run: Run, acme: str) -> None:
    assert "Nothing of that" in run("erase", "phone", "acme", "+1 (202) 555-0199", "--yes")
    assert "Erased: 1 calls" in run("erase", "phone", "acme", "001 202-555-0123", "--subtenant", "t/other", "--yes")
    assert left(acme) == ["one", "two"]
    assert "Erased: 2 calls" in run("erase", "email", "acme", "jo@EXAMPLE.com", "--yes")
    assert left(acme) == []
    assert "Nothing of that" in run("erase", "email", "acme", "jo@example.com", "--yes")


def test_a_call_once(run: Run, acme: str) -> None:
    assert left(acme)
    assert "Erased: 1 calls, 0 customers, 0 agents;" in run("erase", "call", "acme", "one", "--yes")
    assert "erased already" in run("erase", "call", "acme", "one", "--yes", fails=True)
    assert "Call not found" in run("erase", "call", "acme", "nothing", "--yes", fails=True)
    assert "Customer not found" in run("erase", "customer", "acme", "nobody", "--yes", fails=True)
    assert "does not act for" in run("erase", "customer", "acme", "k", "--subtenant", "t/x", "--yes", fails=True)


@pytest.mark.parametrize(
    ("typed", "number"), [("+1 202 555-0123", "+12025550123"), ("0049 (30) 123.456", "+4930123456")]
)
def test_numbers_as_people_write_them(typed: str, number: str) -> None:
    assert e164(typed) == number


def test_a_number_without_its_country_is_refused(run: Run, acme: str) -> None:
    assert acme
    assert "country code" in run("erase", "phone", "acme", "030 123456", "--yes", fails=2)


def test_how_long_data_is_kept(run: Run, acme: str) -> None:
    assert acme
    names = "acme", "t", "s"
    kept = run("tenant", "retain", *names, "--recordings", "30", "--everything", "365", "--yes")
    assert "recordings for 30 days and everything for 365 days" in kept
    listed = {each["subtenant_id"]: each for each in json.loads(run("tenant", "list", "acme", "--json"))}
    assert (listed["s"]["recordings_days"], listed["s"]["everything_days"]) == (30, 365)
    assert (listed["other"]["recordings_days"], listed["other"]["everything_days"]) == (None, None)
    assert "30 days" in run("tenant", "list", "acme")
    assert "all data, always" in run("tenant", "retain", *names, "--always")
    assert "30 days" not in run("tenant", "list", "acme")
    assert "--always" in run("tenant", "retain", *names, fails=2)
    assert "does not act for" in run("tenant", "retain", "acme", "t", "x", "--recordings", "1", "--yes", fails=True)


def test_erasures_are_kept_in_a_file_and_carried_out_again(run: Run, acme: str, tmp_path: Path) -> None:
    assert acme
    file = tmp_path / "erasures.jsonl"
    run("erase", "customer", "acme", "k", "--yes")
    assert f"1 erasures with 2 calls are in {file}" in run("erasures", "export", str(file))
    assert not file.with_name("erasures.jsonl.unfinished").exists()
    again = run("erasures", "reapply", str(file))
    assert again == "Erased again: 0 calls of 0 erasures. Known as erased again: 0 calls.\n"
    assert "cannot be read" in run("erasures", "reapply", __file__, fails=True)
    assert "cannot be written" in run("erasures", "export", str(tmp_path / "no" / "file"), fails=True)
    assert "cannot be read" in run("erasures", "reapply", str(tmp_path / "nothing"), fails=True)
