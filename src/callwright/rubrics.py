"""The rubrics that subtenants have applied, version by version; the latest is in force."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from callwright.analysis.built_in import DEFAULT, built_in
from callwright.analysis.rubric import Rubric
from callwright.analysis.rubric_document import document_of, rubric_of
from callwright.db import Connection, Scope
from callwright.errors import NotFound

By = Literal["api", "command"]


@dataclass(frozen=True, slots=True)
class Applied:
    """A rubric of a subtenant; the times and hands are None for the one that comes with Callwright."""

    rubric: Rubric
    applied_at: datetime | None = None
    applied_by: By | None = None


async def current(connection: Connection, scope: Scope) -> Rubric:
    """The rubric in force: the latest that the subtenant has applied, else the default."""
    return (await read(connection, scope)).rubric


async def read(connection: Connection, scope: Scope, version: int | None = None) -> Applied:
    """Read a rubric of a subtenant.

    Args:
        connection: The database.
        scope: Whose it is.
        version: Which one; 0 is the default that comes with Callwright. None is the one in force.

    Raises:
        NotFound: The subtenant has applied no such version.
    """
    row = await connection.fetchrow(
        """
        SELECT version, body, applied_at, applied_by FROM rubrics
        WHERE partner_id = $1 AND subtenant_no = $2 AND ($3::bigint IS NULL OR version = $3)
        ORDER BY version DESC LIMIT 1
        """,
        scope.partner_id,
        scope.subtenant_no,
        version,
    )
    if row is None:
        if version:
            raise NotFound("Rubric not found")
        return Applied(built_in(DEFAULT))
    rubric = replace(rubric_of(row["body"]), version=row["version"])
    return Applied(rubric, row["applied_at"], row["applied_by"])


async def apply(connection: Connection, scope: Scope, rubric: Rubric, by: By) -> tuple[int, bool]:
    """Put a rubric in force for the calls that are analysed from now on.

    Args:
        connection: With a transaction open.
        scope: Whose calls.
        rubric: Checked; of whatever version.
        by: By which door it came in.

    Returns:
        The version that is in force now, and whether it is a new one: one that is equal to the latest makes none.
    """
    # Two who apply at the same time do so one after the other, so that no version is lost or counted twice.
    await connection.execute(
        "SELECT FROM subtenants WHERE partner_id = $1 AND subtenant_no = $2 FOR NO KEY UPDATE",
        scope.partner_id,
        scope.subtenant_no,
    )
    before = (await read(connection, scope)).rubric
    if before.version and replace(rubric, version=before.version, digest=None) == before:
        return before.version, False
    await connection.execute(
        "INSERT INTO rubrics (partner_id, subtenant_no, version, body, applied_by) VALUES ($1, $2, $3, $4, $5)",
        scope.partner_id,
        scope.subtenant_no,
        before.version + 1,
        document_of(rubric),
        by,
    )
    return before.version + 1, True
