"""The client's types say what the server's say: nothing is missing, named otherwise, or narrower."""

import dataclasses
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin

import pytest
from typing_extensions import get_type_hints, is_typeddict  # the server's typed dicts are of this one

from callwright.api import (
    analysis_models,
    call_models,
    callback_models,
    disposition_models,
    erasure_models,
    models,
    partner_models,
    report_models,
    rollup_models,
    rubric_models,
    search_models,
)
from callwright_client import endpoints, reports
from callwright_client import erasure_models as our_erasures
from callwright_client import models as ours
from callwright_client import report_models as our_reports
from callwright_client import rollup_models as our_rollups
from callwright_client import search_models as our_searches
from callwright_client.client import Methods

PAIRS: list[tuple[Any, Any]] = [
    (models.CallRecord, ours.CallRecord),
    (models.Fault, ours.Fault),
    (models.CallData, ours.Call),
    (models.ListedCallData, ours.ListedCall),
    (models.BatchData, ours.Batch),
    (callback_models.CallbackData, ours.Callback),
    (callback_models.ResentCallData, ours.ResentCallback),
    (rubric_models.RubricData, ours.Rubric),
    (rubric_models.AppliedData, ours.AppliedRubric),
    (rollup_models.CustomerAndRollupData, our_rollups.Customer),
    (rollup_models.AgentsData, our_rollups.AgentsReport),
    (analysis_models.CallSummary, ours.CallSummary),
    (search_models.HitData, our_searches.Hit),
    (erasure_models.ErasureData, our_erasures.Erasure),
    (report_models.SummaryData, our_reports.Summary),
    (report_models.IntentReportData, our_reports.IntentReport),
    (report_models.ConcernsData, our_reports.ConcernsReport),
    (report_models.PitchGapsData, our_reports.PitchGapsReport),
    (report_models.TrendsData, our_reports.TrendsReport),
    (report_models.DispositionsReportData, our_reports.DispositionsReport),
    (report_models.LeaderboardData, our_reports.Leaderboard),
    (report_models.ContactData, our_reports.Contact),
    (report_models.CallBehindData, our_reports.CallBehind),
    (disposition_models.ChangeData, our_reports.DispositionChange),
    (partner_models.TenantData, our_reports.Tenant),
    (partner_models.UsageData, our_reports.PartnerUsage),
]

NARROWER = {".transcript[].speaker"}
"""What the server checks by a rule of its own, and the client's type says."""


def plain(kind: Any) -> Any:
    """A type without what only validation needs."""
    while get_origin(kind) in (Annotated, NotRequired):
        kind = get_args(kind)[0]
    return kind


def members(kind: Any) -> list[Any]:
    """The members of a union, each plain; of a literal its values."""
    kind = plain(kind)
    if get_origin(kind) in (Union, UnionType):
        return [member for part in get_args(kind) for member in members(part)]
    return list(get_args(kind)) if get_origin(kind) is Literal else [kind]


def fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The fields of a typed dict, or of a dataclass that is written as one, and whether each is always there."""
    hints = get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        return {name: (hint, True) for name, hint in hints.items()}
    return {name: (hint, name in kind.__required_keys__) for name, hint in hints.items()}


def _is_record(kind: Any) -> bool:
    return is_typeddict(kind) or dataclasses.is_dataclass(kind)


def misfits(theirs: Any, own: Any, path: str = "") -> list[str]:
    """Where the client's type does not hold what the server's does."""
    if path in NARROWER:
        return []
    theirs_plain, own_plain = plain(theirs), plain(own)
    if is_typeddict(own_plain) and _is_record(theirs_plain):
        server, client = fields(theirs_plain), fields(own_plain)
        found = [f"{path}.{name} is missing on one side" for name in server.keys() ^ client.keys()]
        for name in server.keys() & client.keys():
            found += misfits(server[name][0], client[name][0], f"{path}.{name}")
            if server[name][1] != client[name][1]:
                found.append(f"{path}.{name} is not required on both sides alike")
        return found
    if get_origin(own_plain) is list and get_origin(theirs_plain) is list:
        return misfits(get_args(theirs_plain)[0], get_args(own_plain)[0], f"{path}[]")
    found = []
    for member in members(theirs):
        candidates = members(own)
        if not any(member_fits(member, candidate, path) for candidate in candidates):
            found += [f"{path}: {member} is none of {candidates}"]
    return found


def member_fits(theirs: Any, own: Any, path: str) -> bool:
    if theirs == own or own is Any or (theirs is NoneType and own is NoneType):
        return True
    if own is str:
        return isinstance(theirs, str)  # a value of a literal
    if own is float:
        return theirs is int
    if get_origin(own) is dict:
        return is_typeddict(theirs) or get_origin(theirs) is dict
    alike = is_typeddict(own) if _is_record(theirs) else get_origin(own) is get_origin(theirs) is list
    return alike and misfits(theirs, own, path) == []


@pytest.mark.parametrize(("theirs", "own"), PAIRS, ids=[own.__name__ for _, own in PAIRS])
def test_a_type_holds_what_the_server_has(theirs: Any, own: Any) -> None:
    assert misfits(theirs, own) == []


def test_every_method_says_what_it_answers() -> None:
    """A checker of types knows every key of an answer; what is a table or a number is one."""
    for name, method in vars(Methods).items():
        flow = getattr(method, "_flow", None) or getattr(method, "_pages", None)
        if flow is not None:
            answered = get_args(get_type_hints(flow)["return"])[-1]
            assert is_typeddict(answered) or answered in (str, int, NoneType), name


def test_misfits_are_found() -> None:
    assert misfits(models.CallData, ours.ListedCall)
    assert misfits(models.TurnData, ours.TurnPart)
    assert misfits(list[models.TurnData], list[ours.Chapter])
    assert misfits(str | None, str)
    assert misfits(Literal["a", "b"], Literal["a"])
    assert not misfits(Literal["a", "b"], str)


@pytest.mark.parametrize(
    ("query", "own"),
    [
        (report_models.ReportQuery, reports.Counted),
        (report_models.ContactsQuery, reports.Contacts),
        (report_models.EndedCallsQuery, reports.CallsBehind),
    ],
)
def test_every_filter_of_a_report_can_be_given(query: Any, own: Any) -> None:
    assert set(fields(query)) - {"limit", "cursor", "format"} == set(fields(own))


def test_pages_hold_what_the_server_lists() -> None:
    assert set(fields(call_models.CallsData)) == {"calls", "next_cursor"}
    for theirs, name in (
        (report_models.ContactsData, "contacts"),
        (report_models.CallsBehindData, "calls"),
        (disposition_models.ChangesData, "dispositions"),
        (partner_models.TenantsData, "tenants"),
    ):
        assert {name, "next_cursor"} <= set(fields(theirs))
    assert set(fields(search_models.SearchData)) == {"hits", "next_cursor"}
    assert set(fields(callback_models.CallbacksData)) == {"callbacks", "next_cursor"}


@pytest.mark.parametrize(
    ("query", "flow"),
    [
        (call_models.CallQuery, endpoints.list_calls),
        (callback_models.CallbackQuery, endpoints.list_callbacks),
        (search_models.SearchQuery, endpoints.search),
        (disposition_models.ChangesQuery, reports.list_dispositions),
        (partner_models.UsageQuery, reports.get_usage),
        (search_models.WholeSearchQuery, endpoints.search_all),
        (erasure_models.ErasureBody, endpoints.erase_person),
        (rollup_models.AgentsQuery, endpoints.report_on_agents),
        (rubric_models.RubricQuery, endpoints.get_rubric),
        (callback_models.ResendBody, endpoints.resend_callbacks),
    ],
)
def test_every_filter_can_be_given(query: Any, flow: Any) -> None:
    taken = set(get_type_hints(flow)) - {"core", "return"}
    assert set(fields(query)) - {"limit", "cursor", "format"} == taken
