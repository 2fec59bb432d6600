"""What was answered, kept on disk batch by batch, so that a push that broke off goes on where it was."""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Self

import orjson

from callwright.errors import SetupError
from callwright.push.checking import Fault

Status = Literal["accepted", "duplicate", "refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row.

    Attributes:
        line: Where it begins in the file.
        call_id: The call's own id; empty where it has none.
        status: `refused` also where it was not sent for its faults.
        changed: Whether a duplicate differs from what was accepted first.
        sent_again: Whether its batch was sent again as an answer was lost: a duplicate may then be this push's own.
        batch_id: The batch that it was answered in.
        faults: Why it was refused.
    """

    line: int
    call_id: str
    status: Status
    changed: bool = False
    sent_again: bool = False
    batch_id: str | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Counts:
    """How many rows became what; of the duplicates, how many differ from what was accepted first."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    changed: int = 0
    refused: int = 0

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count some more."""
        for outcome in outcomes:
            self.rows += 1
            self.accepted += outcome.status == "accepted"
            self.duplicates += outcome.status == "duplicate"
            self.changed += outcome.changed
            self.refused += outcome.status == "refused"


def journal_path(folder: Path, *parts: str) -> Path:
    """Where the journal of a push is: another file, target or way of reading it has another one.

    Args:
        folder: Of all journals.
        parts: Whatever makes the push the one it is; none of it can be read back.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return folder / f"{digest[:32]}.jsonl"


class Journal:
    """The journal of one push, open for adding to; nobody else can open it meanwhile.

    Args:
        path: The file; it is made where it is not there.
        restart: Whether to begin it anew.

    Raises:
        SetupError: It is in use by another push, or cannot be written.
    """

    def __init__(self, path: Path, *, restart: bool = False) -> None:
        self.path = path
        self.counts = Counts()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file: BinaryIO = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise SetupError(f"{path} cannot be written: {error.strerror}", "Name a folder in XDG_STATE_HOME") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if restart:
                self._file.truncate(0)
            self._take_up()
        except BlockingIOError:
            self._file.close()
            raise SetupError("This very push is running already", "Wait for it to end") from None
        except BaseException:
            self._file.close()
            raise
        _sync(path.parent)

    def _take_up(self) -> None:
        """Count what is there, and cut off what a crash has left half written."""
        whole = 0
        for line in self._file:
            try:
                self.counts.add(_read(line))
            except (ValueError, TypeError, KeyError):
                break
            whole += len(line)
        self._file.seek(whole)
        self._file.truncate()

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what became of the rows of a batch; on disk when this returns.

        Raises:
            SetupError: The disk is full, or fails.
        """
        try:
            self._file.write(_written(outcomes))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SetupError(
                f"{self.path} cannot be written: {error.strerror}", "Make room; the same command goes on from here"
            ) from None
        self.counts.add(outcomes)

    def outcomes(self) -> Iterator[Outcome]:
        """What became of every row so far, in their order."""
        with self.path.open("rb") as opened:
            for line in opened:
                yield from _read(line)

    def close(self) -> None:
        """Let others open it."""
        with suppress(OSError):  # of what cannot be written, `add` has told
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _written(outcomes: Sequence[Outcome]) -> bytes:
    rows = [
        [o.line, o.call_id, o.status, o.changed, o.sent_again, o.batch_id, [[f.column, f.message] for f in o.faults]]
        for o in outcomes
    ]
    return orjson.dumps(rows, option=orjson.OPT_APPEND_NEWLINE)


def _read(line: bytes) -> list[Outcome]:
    rows = orjson.loads(line)
    if not isinstance(rows, list) or not line.endswith(b"\n"):
        raise ValueError(line)
    return [
        Outcome(number, call_id, status, changed, again, batch_id, tuple(Fault(*fault) for fault in faults))
        for number, call_id, status, changed, again, batch_id, faults in rows
    ]


def _sync(folder: Path) -> None:
    """Make a new file's name as durable as its content."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
