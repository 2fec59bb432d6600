"""The journal: what is in it after a crash, whoever opens it, and the report that is made of it."""

import csv
import os
import resource
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callwright.errors import SetupError
from callwright.push.checking import Fault
from callwright.push.journal import Counts, Journal, Outcome, journal_path
from callwright.push.report import report_to

BATCH = "0a1f6d0e-6c1c-4a5e-9d52-3f1a8f9d7c11"
FIRST = [Outcome(2, "c1", "accepted", batch_id=BATCH), Outcome(3, "", "refused", faults=(Fault("A", "is bad"),) * 2)]
SECOND = [Outcome(4, "=c3", "duplicate", changed=True, sent_again=True, batch_id=BATCH)]


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "push" / "a.jsonl"
    with Journal(path) as journal:
        journal.add(FIRST)
        journal.add(SECOND)
        assert journal.counts == Counts(rows=3, accepted=1, duplicates=1, changed=1, refused=1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with Journal(path) as journal:
        assert journal.counts == Counts(rows=3, accepted=1, duplicates=1, changed=1, refused=1)
        assert list(journal.outcomes()) == [*FIRST, *SECOND]
    with Journal(path, restart=True) as journal:
        assert journal.counts == Counts()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("rest", [b'[[4,"c3","dupl', b"\0\0\0\0\n", b"[[4]]\n", b"{}\n"])
def test_what_a_crash_has_left_half_written_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path) as journal:
        journal.add(FIRST)
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    with Journal(path) as journal:
        assert journal.counts.rows == 2
        journal.add(SECOND)
        assert list(journal.outcomes()) == [*FIRST, *SECOND]
    assert path.read_bytes().startswith(whole + b"[[4")


def test_a_disk_that_is_full_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Journal(path) as journal:
        journal.add(FIRST)
        whole = path.read_bytes()
        with resource_limit(len(whole) + 5), pytest.raises(SetupError, match="cannot be written") as told:
            journal.add(SECOND)
        assert "Make room" in told.value.fix
        assert journal.counts.rows == 2
        with resource_limit(len(whole) + 5):
            journal.close()
    with Journal(path) as journal:
        assert list(journal.outcomes()) == FIRST


@contextmanager
def resource_limit(most: int) -> Iterator[None]:
    """No file gets more bytes, as on a disk that is full."""
    handled, limits = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handled)


def test_each_batch_is_on_disk_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(number: int) -> None:
        synced.append(os.fstat(number).st_size)
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with Journal(tmp_path / "a.jsonl") as journal:
        synced.clear()
        journal.add(FIRST)
        assert synced == [journal.path.stat().st_size]


def test_two_pushes_of_the_same_do_not_run_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.jsonl"), pytest.raises(SetupError, match="is running already"):
        Journal(tmp_path / "a.jsonl")
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be written"):
        Journal(tmp_path / "file" / "a.jsonl")


def test_another_push_has_another_journal(tmp_path: Path) -> None:
    paths = {journal_path(tmp_path, *parts) for parts in (("a", "b"), ("ab",), ("a", "c"), ("a", "b"))}
    assert len(paths) == 3


def test_the_report_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    with report_to(path) as add:
        for outcome in (*FIRST, *SECOND):
            add(outcome)
    with path.open(newline="") as opened:
        assert list(csv.reader(opened)) == [
            ["line", "call_id", "status", "changed", "column", "message", "batch_id"],
            ["2", "c1", "accepted", "", "", "", BATCH],
            ["3", "", "refused", "", "A", "is bad", ""],
            ["3", "", "refused", "", "A", "is bad", ""],
            ["4", "'=c3", "duplicate", "yes", "", "", BATCH],
        ]
    with pytest.raises(SetupError, match="cannot be written"), report_to(tmp_path / "no" / "report.csv"):
        pass
