"""What the calls come to: the figures of the dashboards, and what belongs to the partner as a whole."""

from typing import TypedDict, Unpack

from callwright_client.endpoints import Pages, given
from callwright_client.exchange import Core, Flow
from callwright_client.models import Intent, SentTime
from callwright_client.report_models import (
    CallBehind,
    ConcernsReport,
    Contact,
    DispositionChange,
    DispositionsReport,
    IntentReport,
    Leaderboard,
    PartnerUsage,
    PitchGapsReport,
    Summary,
    Tenant,
    TrendsReport,
)


class Counted(TypedDict, total=False):
    """Which calls a report counts, by the days on which they ended, as `2026-11-29`."""

    first_day: str | None
    last_day: str | None
    time_zone: str | None
    agent_id: str | None
    customer_id: str | None
    intent: Intent | None
    disposition: str | None


class Contacts(Counted, total=False):
    """The same of contacts, and a part of the id, the name or the address."""

    search: str | None


class CallsBehind(Counted, total=False):
    """The same, and the figure that the calls are behind; `engaged` is `yes` or left out."""

    engaged: str | None
    concern: str | None
    parameter: str | None
    disposition_set: str | None


def report_summary(core: Core, **counted: Unpack[Counted]) -> Flow[Summary]:
    """What the calls of a period come to, against the period before, and what stands out."""
    return core.data("GET", "reports/summary", query=given(**counted))


def report_intent(core: Core, **counted: Unpack[Counted]) -> Flow[IntentReport]:
    """Calls by buying intent."""
    return core.data("GET", "reports/intent", query=given(**counted))


def report_concerns(core: Core, **counted: Unpack[Counted]) -> Flow[ConcernsReport]:
    """What stood in the way."""
    return core.data("GET", "reports/concerns", query=given(**counted))


def report_pitch_gaps(core: Core, **counted: Unpack[Counted]) -> Flow[PitchGapsReport]:
    """How much of each quality parameter was reached."""
    return core.data("GET", "reports/pitch-gaps", query=given(**counted))


def report_trends(core: Core, **counted: Unpack[Counted]) -> Flow[TrendsReport]:
    """Calls, quality and talk by day, week or four weeks."""
    return core.data("GET", "reports/trends", query=given(**counted))


def report_dispositions(core: Core, **counted: Unpack[Counted]) -> Flow[DispositionsReport]:
    """How often each disposition was set, over time."""
    return core.data("GET", "reports/dispositions", query=given(**counted))


def report_leaderboard(core: Core, **counted: Unpack[Counted]) -> Flow[Leaderboard]:
    """The agents, now and in the period before."""
    return core.data("GET", "reports/leaderboard", query=given(**counted))


def report_contacts(core: Core, **counted: Unpack[Contacts]) -> Pages[Contact]:
    """The customers who had a call in the period."""
    return Pages(core, "reports/contacts", "contacts", **counted)


def report_calls(core: Core, **counted: Unpack[CallsBehind]) -> Pages[CallBehind]:
    """The calls behind a figure, those that ended last first."""
    return Pages(core, "reports/calls", "calls", **counted)


def list_dispositions(
    core: Core,
    *,
    since: SentTime | None = None,
    until: SentTime | None = None,
    customer_id: str | None = None,
    status: str | None = None,
) -> Pages[DispositionChange]:
    """Changes of dispositions in effect since (then or later) and until (before), those that took effect last first."""
    return Pages(core, "dispositions", "dispositions", since=since, until=until, customer_id=customer_id, status=status)


def list_tenants(core: Core) -> Pages[Tenant]:
    """The partner's tenants and subtenants, with what came in."""
    return Pages(core, "tenants", "tenants")


def get_usage(core: Core, month: str | None = None) -> Flow[PartnerUsage]:
    """The partner's limits, and the calls of a month, as `2026-11`, by day."""
    return core.data("GET", "usage", query=given(month=month))
