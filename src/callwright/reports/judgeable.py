"""Completed calls as they are judged again: which ones, and what it takes."""

from dataclasses import dataclass
from datetime import datetime

from callwright import results
from callwright.db import Connection, Scope
from callwright.transcription import Transcript


@dataclass(frozen=True, slots=True)
class Judgeable:
    """A completed call as it is judged again.

    Attributes:
        made_at: When its current analysis was made.
        judged_by: Engine, version and rubric of that; an older one does not say all of them.
    """

    start_time: datetime
    end_time: datetime
    transcript: Transcript
    made_at: datetime
    judged_by: tuple[str, str | None, str | None]


async def read_judgeable(connection: Connection, partner_id: int, call_id: str) -> Judgeable | None:
    """Read what it takes to judge a call again; None where it is gone, or being processed."""
    row = await connection.fetchrow(
        """
        SELECT c.start_time, c.end_time, a.made_at, a.engine, a.version, a.rubric
        FROM calls c JOIN analyses a USING (partner_id, call_id)
        WHERE c.partner_id = $1 AND c.call_id = $2 AND c.state = 'completed'
        """,
        partner_id,
        call_id,
    )
    transcript = await results.read_transcript(connection, partner_id, call_id) if row else None
    if row is None or transcript is None:
        return None
    judged_by = row["engine"], row["version"], row["rubric"]
    return Judgeable(row["start_time"], row["end_time"], transcript, row["made_at"], judged_by)


_NOT_JUDGED_BY = """
    FROM calls c JOIN analyses a USING (partner_id, call_id)
    WHERE c.partner_id = $1 AND c.subtenant_no = $2 AND c.state = 'completed' AND c.start_time >= $3
        AND ($4::timestamptz IS NULL OR c.start_time < $4)
        AND (a.engine, a.version, a.rubric) IS DISTINCT FROM ($5::text, $6::text, $7::text)
"""


@dataclass(frozen=True, slots=True)
class NotJudgedBy:
    """Completed calls of a subtenant in a span of time whose analysis is not by this engine, version and rubric."""

    scope: Scope
    since: datetime
    until: datetime | None
    engine: str
    version: str
    rubric: str

    def values(self) -> tuple[object, ...]:
        """The parameters of the statements."""
        times = self.since, self.until
        return (self.scope.partner_id, self.scope.subtenant_no, *times, self.engine, self.version, self.rubric)


async def count_not_judged_by(connection: Connection, wanted: NotJudgedBy) -> int:
    """How many there are."""
    count: int = await connection.fetchval(f"SELECT count(*) {_NOT_JUDGED_BY}", *wanted.values())
    return count


async def list_not_judged_by(connection: Connection, wanted: NotJudgedBy, *, after: str, most: int) -> list[str]:
    """The next ids in their order, after one of them or the empty text."""
    rows = await connection.fetch(
        f"SELECT c.call_id {_NOT_JUDGED_BY} AND c.call_id > $8 ORDER BY c.call_id LIMIT $9",
        *wanted.values(),
        after,
        most,
    )
    return [row["call_id"] for row in rows]
