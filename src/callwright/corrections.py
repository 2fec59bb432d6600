"""What a person says of a call in the machine's place: kept beside it with who and when, superseded and taken back."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from callwright import results
from callwright.analysis import Analysis, Intent
from callwright.db import Connection, Scope
from callwright.errors import NotFound, ValidationFailed
from callwright.transcription import Speaker, Transcript

Kind = Literal["speaker", "text", "intent", "score"]

MOST_OF_A_CALL = 1_000
"""That are kept; no person says more of one call, and who else has a token shall not fill the database."""

LONGEST_TEXT = 5_000
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Given:
    """What somebody wants to correct.

    Attributes:
        kind: Whether it is about who speaks in a turn, what is said in it, the intent, or a score of the quality.
        subject: The id of the turn, or the name of the quality parameter; empty for the intent.
        value: What it should be, as text; None takes back what was said before.
        said_by: What the person is called, by its own words.
    """

    kind: Kind
    subject: str
    value: str | None
    said_by: str


@dataclass(frozen=True, slots=True)
class Correction:
    """One entry of a call's corrections; `value` is None where it takes back the one before.

    Attributes:
        machine_value: What the machine said at the time; None where it had assessed nothing.
        rubric: Of a score: the rubric of the analysis that it was made on.
    """

    kind: Kind
    subject: str
    value: str | None
    machine_value: str | None
    rubric: str | None
    said_by: str
    said_at: datetime


async def correct(connection: Connection, scope: Scope, call_id: str, given: Given) -> None:
    """Keep what a person says; the machine's own stays where it is.

    To say what the machine says takes back what was said before.

    Args:
        connection: With a transaction open.
        scope: Whose call it is.
        call_id: The partner's own id.
        given: What it says.

    Raises:
        NotFound: The subtenant has no such call.
        ValidationFailed: The call has no such turn or parameter, or it cannot have this value; nothing is kept.
    """
    said_by = _name(given.said_by)
    # Held until the end: who deletes the call waits and finds what is kept here, and a correction sees those before it.
    if not await connection.fetchval(
        "SELECT true FROM calls WHERE partner_id = $1 AND call_id = $2 AND subtenant_no = $3 FOR NO KEY UPDATE",
        *(scope.partner_id, call_id, scope.subtenant_no),
    ):  # who erases the call waits for this, and nothing is said of one that is gone
        raise NotFound("Call not found")
    machine, rubric, most = await _machine_value(connection, scope.partner_id, call_id, given)
    value = None if given.value is None else _value(given.kind, given.value, most)
    before = await history(connection, scope.partner_id, call_id)
    if len(before) >= MOST_OF_A_CALL:
        raise _refused("value", "was corrected too often in this call")
    stands = latest(before).get((given.kind, given.subject))
    if value == machine:
        value = None
    if value == (stands and stands.value):
        raise _refused("value", "is what it says already")
    await connection.execute(
        """
        INSERT INTO corrections (partner_id, call_id, kind, subject, value, machine_value, rubric, said_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        *(scope.partner_id, call_id, given.kind, given.subject, value, machine, rubric, said_by),
    )


async def erase(connection: Connection, partner_id: int, call_ids: Sequence[str]) -> int:
    """Delete what was said of calls that the caller has locked; gives the rows that went."""
    rows: int = await connection.fetchval(
        """
        WITH gone AS (DELETE FROM corrections WHERE partner_id = $1 AND call_id = ANY($2::text[]) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        *(partner_id, call_ids),
    )
    return rows


async def history(connection: Connection, partner_id: int, call_id: str) -> list[Correction]:
    """Everything that was said of a call in the machine's place, in the order in which it was said."""
    rows = await connection.fetch(
        """
        SELECT kind, subject, value, machine_value, rubric, said_by, said_at FROM corrections
        WHERE partner_id = $1 AND call_id = $2 ORDER BY correction_no LIMIT $3
        """,
        *(partner_id, call_id, MOST_OF_A_CALL),
    )
    return [Correction(*row.values()) for row in rows]


def latest(said: Iterable[Correction]) -> dict[tuple[Kind, str], Correction]:
    """What stands, by kind and subject: of each the latest, unless that takes it back."""
    last = {(each.kind, each.subject): each for each in said}
    return {key: each for key, each in last.items() if each.value is not None}


def in_force(said: Iterable[Correction], analysis: Analysis | None) -> dict[tuple[Kind, str], Correction]:
    """What stands and still applies to a call's current analysis.

    What is said and who says it are facts of the call, and so is what the customer intends: they outlast an analysis. A
    score is a judgement by a rubric: it applies as long as the call is judged by the same one.

    Args:
        said: As `history` gives it.
        analysis: The current one.
    """
    rubric = analysis and analysis.rubric
    maxima = {entry.parameter_name: entry.parameter_score for entry in analysis.quality} if analysis else {}
    return {
        key: each
        for key, each in latest(said).items()
        if each.kind != "score" or (each.rubric == rubric and int(each.value or 0) <= maxima.get(each.subject, -1))
    }


async def _machine_value(
    connection: Connection, partner_id: int, call_id: str, given: Given
) -> tuple[str | None, str | None, int]:
    """What the machine says of the subject, by which rubric, and the most that it can be."""
    if given.kind in ("speaker", "text"):
        transcript = await results.read_transcript(connection, partner_id, call_id)
        return _of_turn(transcript, given), None, 0
    analysis = await results.read_analysis(connection, partner_id, call_id)
    if analysis is None:
        raise _refused("subject", "has not been analysed yet")
    if given.kind == "intent":
        if given.subject:
            raise _refused("subject", "must be empty: a call has one intent")
        return analysis.intent, None, 0
    for entry in analysis.quality:
        if entry.parameter_name == given.subject:
            reached = entry.inference_score
            return None if reached is None else str(reached), analysis.rubric, entry.parameter_score
    raise _refused("subject", "is no quality parameter of this call")


def _of_turn(transcript: Transcript | None, given: Given) -> str:
    for turn in transcript.turns if transcript else ():
        if str(turn.id) == given.subject:
            return turn.speaker if given.kind == "speaker" else turn.text
    raise _refused("subject", "is no turn of this call")


def _value(kind: Kind, value: str, most: int) -> str:
    allowed = {"speaker": get_args(Speaker), "intent": get_args(Intent)}.get(kind)
    if allowed is not None:
        if value not in allowed:
            raise _refused("value", f"must be one of {', '.join(allowed)}")
        return value
    if kind == "score":
        if not (value.isascii() and value.isdigit() and len(value) <= 4 and int(value) <= most):
            raise _refused("value", f"must be a whole number from 0 to {most}")
        return str(int(value))
    return _words(value, "value", LONGEST_TEXT)


def _name(name: str) -> str:
    return _words(name, "said_by", LONGEST_NAME)


def _words(text: str, field: str, longest: int) -> str:
    """Words on one line; a control character or half a character is none."""
    words = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text).split())
    if not words:
        raise _refused(field, "should not be empty")
    if len(words) > longest:
        raise _refused(field, f"must be shorter than or equal to {longest} characters")
    return words


def _refused(field: str, what: str) -> ValidationFailed:
    return ValidationFailed([{"field": field, "message": f"{field} {what}"}])
