"""Sends the good rows of a file, and keeps in the journal what was answered."""

from collections.abc import Iterable, Iterator
from typing import cast

from callwright.push.checking import Checked, Fault
from callwright.push.journal import Journal, Outcome
from callwright.push.report import refused
from callwright_client import CallRecord, CallwrightError, Client, Pushed


def send(batches: Iterable[list[Checked]], client: Client, journal: Journal) -> Iterator[int]:
    """Send what the journal does not have yet; gives after each batch how many rows it has.

    Args:
        batches: All rows of the file, in their order; those with faults are not sent.
        client: Whom to send to.
        journal: Of this very push.

    Raises:
        CallwrightError: A batch was not answered, or refused for another reason than its calls. What was answered
            before is in the journal.
    """
    passed, done = 0, journal.counts.rows
    for batch in batches:
        left = batch[max(0, done - passed) :]
        passed += len(batch)
        if left:
            yield from _send(left, client, journal)


def _send(rows: list[Checked], client: Client, journal: Journal) -> Iterator[int]:
    good = [row for row in rows if row.record is not None]
    try:
        pushed = client.push_calls(cast("CallRecord", row.record) for row in good).calls
    except CallwrightError as error:
        answered = error.report.calls if error.report else ()
        if answered:  # a batch over 5 MB was sent in parts
            journal.add(_outcomes(rows[: rows.index(good[len(answered) - 1]) + 1], answered))
        raise
    journal.add(_outcomes(rows, pushed))
    yield journal.counts.rows


def _outcomes(rows: list[Checked], pushed: Iterable[Pushed]) -> list[Outcome]:
    answers = iter(pushed)
    return [refused(row) if row.record is None else _outcome(row, next(answers)) for row in rows]


def _outcome(row: Checked, answer: Pushed) -> Outcome:
    return Outcome(
        row.line,
        row.call_id,
        answer.status,
        changed=answer.changed,
        sent_again=answer.sent_again,
        batch_id=answer.batch_id,
        faults=tuple(Fault(fault["field"], fault["message"]) for fault in answer.faults),
    )
