"""How long the data of each subtenant is kept: a number of days for recordings, and one for everything."""

from dataclasses import dataclass

from callwright.db import Connection, Scope

LONGEST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Rule:
    """Days after which recordings go, and everything; None keeps them until somebody erases them."""

    recordings_days: int | None = None
    everything_days: int | None = None


async def set_rule(connection: Connection, scope: Scope, rule: Rule) -> None:
    """Put a rule in the place of a subtenant's rule; the worker acts by it within a day.

    Args:
        connection: With a transaction open.
        scope: Whose data.
        rule: Days from 1 to `LONGEST_DAYS`.
    """
    await connection.execute(
        """
        INSERT INTO retention_rules (partner_id, subtenant_no, recordings_days, everything_days)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (partner_id, subtenant_no)
        DO UPDATE SET recordings_days = excluded.recordings_days, everything_days = excluded.everything_days
        """,
        *(scope.partner_id, scope.subtenant_no, rule.recordings_days, rule.everything_days),
    )


async def rule_of(connection: Connection, scope: Scope) -> Rule:
    """The rule of a subtenant; one that keeps everything where none was set."""
    row = await connection.fetchrow(
        "SELECT recordings_days, everything_days FROM retention_rules WHERE partner_id = $1 AND subtenant_no = $2",
        *(scope.partner_id, scope.subtenant_no),
    )
    return Rule() if row is None else Rule(*row.values())


async def rules(connection: Connection) -> list[tuple[Scope, Rule]]:
    """The rules of all subtenants that have one."""
    rows = await connection.fetch(
        """
        SELECT partner_id, subtenant_no, recordings_days, everything_days FROM retention_rules
        WHERE recordings_days IS NOT NULL OR everything_days IS NOT NULL ORDER BY partner_id, subtenant_no
        """
    )
    return [(Scope(partner, number), Rule(recordings, everything)) for partner, number, recordings, everything in rows]
