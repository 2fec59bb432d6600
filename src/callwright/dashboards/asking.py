"""What the address of a dashboard asks for: the period, the filters; and the addresses that ask for something else."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from fastapi import Request

from callwright import rollups
from callwright.dashboards.embed import PageError, Viewer
from callwright.dashboards.rendering import address
from callwright.reports.asked import LONGEST, Asked

INSIGHTS = "/view-insights"
AGENTS, CONTACTS, CALLS, CHANGES = (f"{INSIGHTS}/{part}" for part in ("agents", "contacts", "calls", "changes"))

INTENT_NAMES = {
    "INTERESTED": "Interested",
    "NEUTRAL": "Neutral",
    "NOT_INTERESTED": "Not interested",
    "NOT_QUALIFIED": "Not qualified",
    "NOT_AVAILABLE": "Not available",
    rollups.NOT_ASSESSED: "Not assessed",
    rollups.FAILED: "Could not be processed",
}

PERIODS = (7, 30, 90, 365)
USUAL = 30
LONGEST_ID = 255
LONGEST_BY_DISPOSITION = timedelta(days=92)
"""Every call of it is looked at, and those of the period before."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and how it was written in the address.

    Attributes:
        viewer: Who asks; whose `agent_id` is a filter.
        asked: The period and the filters.
        days: The period as so many days up to today; None where it was given by its first and last day.
        shortened: Whether more days were asked for than can be counted by disposition.
    """

    viewer: Viewer
    asked: Asked
    days: int | None
    shortened: bool = False

    @property
    def last(self) -> date:
        """The last day of the period."""
        return self.asked.until - timedelta(days=1)

    def filters(self) -> dict[str, object]:
        """The filters as they are written in an address."""
        asked = self.asked
        period: dict[str, object] = (
            {"days": self.days if self.days != USUAL else None}
            if self.days is not None
            else {"from": asked.since.isoformat(), "to": self.last.isoformat()}
        )
        return {
            **period,
            "agent_id": asked.agent_id,
            "customer": asked.customer_id,
            "disposition": asked.disposition,
            "intent": asked.intent,
        }

    def hidden(self) -> dict[str, object]:
        """The same as the fields that a form carries along."""
        told = {"token": self.viewer.token, "theme": self.viewer.theme, **self.filters()}
        return {name.replace("_", "-"): value for name, value in told.items() if value is not None}

    def url(self, path: str = INSIGHTS, /, **changes: object) -> str:
        """An address with these filters, and some changed; None takes one away."""
        query = {**self.filters(), **changes}
        if "days" in changes:
            query = {"from": None, "to": None, **query, **({} if "from" in changes else {"from": None, "to": None})}
        return address(self.viewer, path, **query)

    def calls(self, **changes: object) -> str:
        """The list of the calls behind a figure."""
        return self.url(CALLS, **changes)


def read_question(request: Request, viewer: Viewer) -> Question:
    """Read the address.

    Raises:
        PageError: A day is none, or the period is too long or ends before it begins.
    """
    today = datetime.now(viewer.time_zone).date()
    since, last = _day(request, "from"), _day(request, "to")
    days = next((each for each in PERIODS if str(each) == request.query_params.get("days")), USUAL)
    if since is None and last is None:
        until = today + timedelta(days=1)
        asked = Asked(until - timedelta(days=days), until)
    else:
        last = last or max(today, since or today)
        since = since or last - timedelta(days=USUAL - 1)
        if not timedelta() <= last - since < LONGEST:
            raise PageError(
                400,
                "This period cannot be shown",
                f"It must begin before it ends, and span {LONGEST.days:,} days at most.",
            )
        asked = Asked(since, last + timedelta(days=1))
    intent, disposition = text_of(request, "intent"), text_of(request, "disposition")
    shortened = disposition is not None and asked.until - asked.since > LONGEST_BY_DISPOSITION
    asked = replace(
        asked,
        since=asked.until - LONGEST_BY_DISPOSITION if shortened else asked.since,
        agent_id=viewer.agent_id,
        customer_id=text_of(request, "customer"),
        disposition=disposition,
        intent=intent if intent in rollups.LABELS else None,
    )
    return Question(viewer, asked, days if since is None else None, shortened)


def _day(request: Request, name: str) -> date | None:
    given = request.query_params.get(name)
    if not given:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        day = None
    if day is None or not 1990 <= day.year <= 2100:
        raise PageError(400, "This address is not right", "A day in it is none: it is written as 2026-11-24.")
    return day


def text_of(request: Request, name: str) -> str | None:
    """A text that the database may be asked for; what nothing can be called is looked for, and not found."""
    given = request.query_params.get(name, "").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return given[: LONGEST_ID + 1] or None


def moment_of(text: str) -> datetime | None:
    """A moment as ISO 8601 has it, with its zone; None where it is none, or lies beyond the calendar."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
