"""What is asked of a subtenant's calls, and the statements' beginnings: kept rollups, or the calls themselves."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from callwright import rollups
from callwright.db import Connection, Scope

LONGEST = timedelta(days=1_098)
"""Three years with a leap day each: twice that is read, for the period before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Calls that ended on the days from `since` on and before `until`; None is no filter.

    Attributes:
        since: The first day.
        until: The day after the last one.
        agent_id: The agent's calls.
        customer_id: The customer's.
        disposition: Those of customers who are in this disposition now.
        intent: One of `rollups.LABELS`.
        time_zone: Whose days they are; None for the partner's own, by which the rollups are kept.
    """

    since: date
    until: date
    agent_id: str | None = None
    customer_id: str | None = None
    disposition: str | None = None
    intent: str | None = None
    time_zone: str | None = None

    @property
    def before(self) -> "Asked":
        """The same of the period of equal length before."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)

    @property
    def live(self) -> bool:
        """Whether the kept counts do not know of it, so that the calls themselves are read."""
        return self.customer_id is not None or self.disposition is not None or self.time_zone is not None

    @property
    def in_bytes(self) -> bool:
        """Whether the days' bytes know of it, which the kept counts do not."""
        return self.disposition is not None and self.customer_id is None and self.time_zone is None


async def knows_zone(connection: Connection, time_zone: str) -> bool:
    """Whether the database, which has a list of its own, can tell the days of a time zone."""
    known: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)", time_zone)
    return known


class Statement:
    """A statement that is put together from parts, and its arguments: $1 and $2 say whose.

    Args:
        scope: Whose calls.
        asked: Which of them.
    """

    def __init__(self, scope: Scope, asked: Asked) -> None:
        self.arguments: list[object] = [scope.partner_id, scope.subtenant_no]
        self.asked = asked

    def give(self, value: object) -> str:
        """Name an argument in the text."""
        if value not in self.arguments[2:]:
            self.arguments.append(value)
        return f"${self.arguments.index(value, 2) + 1}"

    def day(self, day: date) -> str:
        """A day as an argument."""
        return f"{self.give(day)}::date"

    def midnight(self, day: date) -> str:
        """The time at which a day begins."""
        return f"({self.day(day)}::timestamp AT TIME ZONE (SELECT time_zone FROM house))"  # noqa: S608

    def day_of(self, column: str) -> str:
        """The day that a time lies in."""
        return f"({column} AT TIME ZONE (SELECT time_zone FROM house))::date"  # noqa: S608

    def beginning(self, since: date, *, of_bytes: bool = False) -> str:
        """`house`, `due` and `spans`: the days that have to be read from the calls, from `since` on.

        Args:
            since: The first day.
            of_bytes: The other days are read from their bytes.
        """
        first, last = self.day(since), self.day(self.asked.until)
        zone = "p.time_zone" if self.asked.time_zone is None else f"{self.give(self.asked.time_zone)}::text"
        if self.asked.live and not of_bytes:
            spans = f"SELECT {first} AS since, {last} AS until"
        else:
            spans = f"""
                SELECT day AS since, day + 1 AS until FROM due, house WHERE kept AND day >= {first} AND day < {last}
                UNION ALL SELECT {first}, {last} FROM house WHERE NOT kept
            """  # noqa: S608
        return f"""
            WITH house AS (
                SELECT {zone} AS time_zone, r.time_zone IS NOT DISTINCT FROM p.time_zone AS kept
                FROM partners p
                LEFT JOIN rolled_subtenants r ON r.partner_id = p.partner_id AND r.subtenant_no = $2
                WHERE p.partner_id = $1
            ), due AS MATERIALIZED (
                SELECT DISTINCT (at AT TIME ZONE time_zone)::date AS day FROM recounts_due, house
                WHERE partner_id = $1 AND subtenant_no = $2
            ), spans AS ({spans}){self._those()}
        """  # noqa: S608

    def is_one_of_those(self, column: str) -> str:
        """Whether a customer is in the disposition. As no join: for that, each one's calls would be looked up."""
        return f"({column} IN (SELECT customer_id FROM those)) IS TRUE"  # noqa: S608

    def _those(self) -> str:
        """The customers who are in the disposition, found once."""
        if self.asked.disposition is None:
            return ""
        return f""", those AS MATERIALIZED (
            SELECT customer_id FROM customers
            WHERE partner_id = $1 AND subtenant_no = $2 AND disposition_status = {self.give(self.asked.disposition)})
        """  # noqa: S608

    def kept_days(self, since: date) -> str:
        """Conditions on `d`: the days that need not be counted."""
        return f"""(SELECT kept FROM house) AND d.day >= {self.day(since)} AND d.day < {self.day(self.asked.until)}
            AND d.day NOT IN (SELECT day FROM due)"""  # noqa: S608

    def kept(self, since: date, *, by_agent: bool = False) -> str:
        """Conditions on day_rollups `d`: the days that need not be counted, and what is asked of them."""
        if self.asked.live:
            return "false"
        conditions = [self.kept_days(since)]
        if self.asked.agent_id is not None:
            conditions.append(f"d.agent_id = {self.give(self.asked.agent_id)}")
        else:
            conditions.append("d.agent_id > ''" if by_agent else "d.agent_id = ''")
        if self.asked.intent is not None:
            conditions.append(f"d.label = {self.give(self.asked.intent)}")
        else:
            conditions.append(f"d.label {'=' if by_agent else '<>'} '{rollups.ALL}'")
        return " AND ".join(conditions)

    def wanted(self) -> str:
        """Conditions on ended_calls."""
        return self._of_agent() + self._of_intent() + self.of_customers()

    def _of_agent(self) -> str:
        return "" if self.asked.agent_id is None else f" AND agent_id = {self.give(self.asked.agent_id)}"

    def _of_intent(self) -> str:
        match self.asked.intent:
            case None:
                return ""
            case rollups.FAILED:
                return " AND NOT completed"
            case rollups.NOT_ASSESSED:
                return " AND completed AND intent IS NULL"
            case intent:
                return f" AND completed AND intent = {self.give(intent)}"

    def of_customers(self) -> str:
        """Conditions on whatever has a customer_id."""
        found = ""
        if self.asked.customer_id is not None:
            found += f" AND customer_id = {self.give(self.asked.customer_id)}"
        if self.asked.disposition is not None:
            found += f" AND {self.is_one_of_those('customer_id')}"
        return found
