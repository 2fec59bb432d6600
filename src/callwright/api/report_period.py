"""Which calls a report is asked about: the days and filters of its query string, with what is left out filled in."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from callwright.errors import ValidationFailed
from callwright.reports.asked import LONGEST, Asked

USUAL_DAYS = 30
MOST_DAYS_READ = 92
"""Where every call is looked at, and those of the period before: by disposition, and in another time zone."""


def asked_of(query: Mapping[str, Any], own_zone: str) -> Asked:
    """Make a question of a checked query.

    Args:
        query: Of the type `ReportQuery`.
        own_zone: The partner's time zone.

    Raises:
        ValidationFailed: The last day lies before the first, or too far behind it.
    """
    zone = query.get("time_zone", own_zone)
    other = None if zone == own_zone else zone
    today = datetime.now(ZoneInfo(zone)).date()
    first, last = _day(query.get("first_day")), _day(query.get("last_day"))
    last = last or max(today, first or today)
    first = first or last - timedelta(days=USUAL_DAYS - 1)
    if last < first:
        raise _refused("must not be before first_day")
    if last - first >= LONGEST:
        raise _refused(f"must be less than {LONGEST.days} days after first_day")
    if (other or "disposition" in query) and (last - first).days >= MOST_DAYS_READ:
        raise _refused(f"must be less than {MOST_DAYS_READ} days after first_day for a disposition or a time zone")
    return Asked(
        first,
        last + timedelta(days=1),
        agent_id=query.get("agent_id"),
        customer_id=query.get("customer_id"),
        disposition=query.get("disposition"),
        intent=query.get("intent"),
        time_zone=other,
    )


def unknown_zone() -> ValidationFailed:
    """The answer where the database does not know a time zone."""
    message = "time_zone must be a time zone of the tz database, as Asia/Kolkata"
    return ValidationFailed([{"field": "time_zone", "message": message}])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _refused(what: str) -> ValidationFailed:
    return ValidationFailed([{"field": "last_day", "message": f"last_day {what}"}])
