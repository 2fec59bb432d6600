"""What the API can be asked, each as one function: arguments in, steps for a driver out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import uuid4

from callwright_client.erasure_models import Erasure
from callwright_client.exchange import Core, Flow, in_path, utc
from callwright_client.models import (
    AppliedRubric,
    Batch,
    Call,
    Callback,
    CallbackState,
    CallState,
    Intent,
    ListedCall,
    ResentCallback,
    Rubric,
    SentTime,
    Speaker,
)
from callwright_client.rollup_models import AgentsReport, Customer
from callwright_client.search_models import Hit

MOST_A_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        entries: In their order. They may be few or none although there is more.
        next_cursor: Where the next page begins; None on the last one.
    """

    entries: list[T]
    next_cursor: str | None


class Pages(Generic[T]):
    """A list, asked for page by page.

    Args:
        core: Who asks.
        path: Of the list.
        name: What its entries stand under.
        query: Which entries; what is None makes no difference.
    """

    def __init__(self, core: Core, path: str, name: str, **query: SentTime | None) -> None:
        self._core = core
        self._path = path
        self._name = name
        self._query = [*given(**query)]

    def page(self, cursor: str | None, limit: int) -> Flow[Page[T]]:
        """One page, of at most so many entries: the first one, or where a page before has its `next_cursor`."""
        query = [*self._query, *given(limit=str(limit), cursor=cursor)]
        data = yield from self._core.data("GET", self._path, query=query)
        return Page(data[self._name], data["next_cursor"])


def given(**values: SentTime | None) -> Iterator[tuple[str, str]]:
    """What is not None, as it is sent."""
    for name, value in values.items():
        if value is not None:
            yield name, utc(value)


def set_disposition(
    core: Core, customer_id: str, disposition_status: str | None, *, idempotency_key: str | None = None
) -> Flow[None]:
    """Set a customer's disposition, in effect at once; None leaves it as it is. One key does it once."""
    body = {"customer_id": customer_id, "disposition_status": disposition_status}
    return core.data("PUT", "ingest/disposition-status", body=body, idempotency_key=idempotency_key or a_key())


def a_key() -> str:
    """A key of no other request: the tries of one are known by it."""
    return str(uuid4())


def get_call(core: Core, call_id: str) -> Flow[Call]:
    """A call: how it stands, its recording, transcript and analysis."""
    return core.data("GET", f"calls/{in_path(call_id)}")


def list_calls(
    core: Core,
    *,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    agent_id: str | None = None,
    customer_id: str | None = None,
    status: CallState | None = None,
    intent: Intent | None = None,
    disposition: str | None = None,
) -> Pages[ListedCall]:
    """Calls received since (then or later) and until (before), those that were received last first."""
    came_of_it = {"intent": intent, "disposition": disposition}
    whose = {"agent_id": agent_id, "customer_id": customer_id}
    return Pages(core, "calls", "calls", since=since, until=until, status=status, **whose, **came_of_it)


def get_batch(core: Core, batch_id: str) -> Flow[Batch]:
    """A batch and how its calls stand."""
    return core.data("GET", f"batches/{in_path(batch_id)}")


def get_customer(core: Core, customer_id: str) -> Flow[Customer]:
    """A customer, its dispositions from the newest on, and what is known of it over all its calls."""
    return core.data("GET", f"customers/{in_path(customer_id)}")


def search(
    core: Core,
    q: str,
    *,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    agent_id: str | None = None,
    customer_id: str | None = None,
    speaker: Speaker | None = None,
    scope: Literal["subtenant", "tenant"] | None = None,
) -> Pages[Hit]:
    """Turns in which words are said, in calls that ended since (then or later) and until (before)."""
    wanted = {"since": since, "until": until, "agent_id": agent_id, "customer_id": customer_id, "speaker": speaker}
    return Pages(core, "search", "hits", q=q, scope=scope, **wanted)


def search_all(
    core: Core,
    q: str,
    *,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    agent_id: str | None = None,
    customer_id: str | None = None,
    speaker: Speaker | None = None,
) -> Pages[Hit]:
    """The same in calls of all tenants of the partner."""
    wanted = {"since": since, "until": until, "agent_id": agent_id, "customer_id": customer_id, "speaker": speaker}
    return Pages(core, "search/all", "hits", q=q, **wanted)


def erase_call(core: Core, call_id: str) -> Flow[Erasure]:
    """Erase a call for good: recording, transcript, analysis and whose it was."""
    return core.data("DELETE", f"calls/{in_path(call_id)}")


def erase_customer(core: Core, customer_id: str) -> Flow[Erasure]:
    """Erase a customer and all its calls for good."""
    return core.data("DELETE", f"customers/{in_path(customer_id)}")


def erase_person(
    core: Core, *, customer_id: str | None = None, phone: str | None = None, email: str | None = None
) -> Flow[Erasure]:
    """Erase whoever has an id, a phone number or an address, with all calls; exactly one of them is given."""
    return core.data("POST", "erasures", body=dict(given(customer_id=customer_id, phone=phone, email=email)))


def get_erasure(core: Core, erasure_id: str) -> Flow[Erasure]:
    """What an erasure has come to."""
    return core.data("GET", f"erasures/{in_path(erasure_id)}")


def report_on_agents(
    core: Core, *, since: datetime | str, until: datetime | str | None = None, agent_id: str | None = None
) -> Flow[AgentsReport]:
    """How the agents spoke in calls that ended in a period of at most 366 days."""
    return core.data("GET", "reports/agents", query=given(since=since, until=until, agent_id=agent_id))


def report_on_agents_csv(
    core: Core, *, since: datetime | str, until: datetime | str | None = None, agent_id: str | None = None
) -> Flow[str]:
    """The same as a table, one row an agent."""
    query = given(since=since, until=until, agent_id=agent_id, format="csv")
    answer = yield from core.exchange("GET", "reports/agents", query=query)
    return answer.body.decode("utf-8-sig")


def get_rubric(core: Core, version: int | None = None) -> Flow[Rubric]:
    """By what the calls of the subtenant are judged: the rubric in force, or another version."""
    return core.data("GET", "rubric", query=given(version=None if version is None else str(version)))


def apply_rubric(core: Core, document: Mapping[str, Any]) -> Flow[AppliedRubric]:
    """Apply a rubric, for calls that are analysed from now on."""
    return core.data("PUT", "rubric", body=dict(document))


def resend_callback(core: Core, call_id: str, *, idempotency_key: str | None = None) -> Flow[ResentCallback]:
    """Send a call's callback again; one that is pending stays as it is. One key does it once."""
    return core.data("POST", f"calls/{in_path(call_id)}/callback", idempotency_key=idempotency_key or a_key())


def list_callbacks(
    core: Core,
    *,
    state: CallbackState | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    call_id: str | None = None,
) -> Pages[Callback]:
    """Callbacks made since (then or later) and until (before), with their tries, the newest first."""
    return Pages(core, "callbacks", "callbacks", state=state, since=since, until=until, call_id=call_id)


def resend_callbacks(
    core: Core,
    *,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    callback_ids: Sequence[str] | None = None,
) -> Flow[int]:
    """Send all undelivered callbacks of a span of time again, or those named; gives how many are on their way."""
    body: dict[str, object] = dict(given(since=since, until=until))
    if callback_ids is not None:
        body["callback_ids"] = list(callback_ids)
    resent, more = 0, True
    while more:
        data = yield from core.data("POST", "callbacks/resend", body=body, idempotency_key=a_key())
        resent += int(data["resent"])
        more = data["more"] and data["resent"]
    return resent


def dashboard_token(core: Core) -> Flow[str]:
    """A token that opens the dashboards of the tenant and subtenant for 24 hours."""
    data = yield from core.data("GET", "dashboard/auth/token")
    token: str = data["token"]
    return token


def delete_test_data(core: Core) -> Flow[int]:
    """Delete all that was sent with a test key, of every tenant; gives how many rows went. A live key is refused."""
    deleted, more = 0, True
    while more:
        data = yield from core.data("DELETE", "test-data")
        deleted += int(data["deleted"])
        more = data["more"]
    return deleted
