"""The clients: one that blocks and one for asyncio, with the same methods."""

from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from copy import copy
from types import TracebackType
from typing import Generic, Self, TypeVar

import httpx

from callwright_client import endpoints, reports
from callwright_client.batches import Batcher
from callwright_client.drivers import AsyncDriver, Driver, Listing, Method
from callwright_client.errors import CallwrightError
from callwright_client.exchange import Core
from callwright_client.models import CallRecord
from callwright_client.pushed import Pushed, PushReport
from callwright_client.pushing import push_batch
from callwright_client.version import __version__

H = TypeVar("H", httpx.Client, httpx.AsyncClient)


class Methods:
    """What both clients can be asked. A new endpoint is a function of `endpoints` and a line here."""

    set_disposition = Method(endpoints.set_disposition)
    get_call = Method(endpoints.get_call)
    list_calls = Listing(endpoints.list_calls)
    get_batch = Method(endpoints.get_batch)
    get_customer = Method(endpoints.get_customer)
    search = Listing(endpoints.search)
    search_all = Listing(endpoints.search_all)
    erase_call = Method(endpoints.erase_call)
    erase_customer = Method(endpoints.erase_customer)
    erase_person = Method(endpoints.erase_person)
    get_erasure = Method(endpoints.get_erasure)
    report_summary = Method(reports.report_summary)
    report_intent = Method(reports.report_intent)
    report_concerns = Method(reports.report_concerns)
    report_pitch_gaps = Method(reports.report_pitch_gaps)
    report_trends = Method(reports.report_trends)
    report_dispositions = Method(reports.report_dispositions)
    report_leaderboard = Method(reports.report_leaderboard)
    report_contacts = Listing(reports.report_contacts)
    report_calls = Listing(reports.report_calls)
    list_dispositions = Listing(reports.list_dispositions)
    list_tenants = Listing(reports.list_tenants)
    get_usage = Method(reports.get_usage)
    report_on_agents = Method(endpoints.report_on_agents)
    report_on_agents_csv = Method(endpoints.report_on_agents_csv)
    get_rubric = Method(endpoints.get_rubric)
    apply_rubric = Method(endpoints.apply_rubric)
    resend_callback = Method(endpoints.resend_callback)
    list_callbacks = Listing(endpoints.list_callbacks)
    resend_callbacks = Method(endpoints.resend_callbacks)
    dashboard_token = Method(endpoints.dashboard_token)
    delete_test_data = Method(endpoints.delete_test_data)


class Account(Methods, Generic[H]):
    """A partner's way to Callwright, for one tenant and subtenant."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        api_secret: str,
        tenant_id: str,
        sub_tenant_id: str,
        *,
        timeout: float = 30.0,
        deadline: float = 120.0,
        http_client: H | None = None,
    ) -> None:
        """Say where Callwright is, and for whom to ask; nothing is sent yet.

        Args:
            base_url: Where Callwright is, as `https://callwright.example.com`.
            api_key: The partner's key.
            api_secret: The partner's secret.
            tenant_id: The tenant: one organisation of the partner.
            sub_tenant_id: The subtenant: a group, department or team in it.
            timeout: Seconds for connecting, and for each silence of the server's.
            deadline: Seconds for one request with all its waits and retries; no try begins after them.
            http_client: httpx's own client to send by, for a proxy or certificates of your own; the caller closes it.

        Raises:
            ValueError: The address or one of the names cannot be right.
        """
        headers = {
            "x-api-key": api_key,
            "x-api-secret": api_secret,
            **_tenant_headers(tenant_id, sub_tenant_id),
            "user-agent": f"callwright-client/{__version__}",
        }
        self._core = Core(base_url, headers, timeout=timeout, deadline=deadline)
        self._http: H = http_client or self._new_http()
        self._own = http_client is None

    @abstractmethod
    def _new_http(self) -> H:
        """Connections of the client's own."""

    def for_tenant(self, tenant_id: str, sub_tenant_id: str) -> Self:
        """The same partner for another tenant: over the same connections, within the same rate limit."""
        other = copy(self)
        other._core = self._core.for_headers(_tenant_headers(tenant_id, sub_tenant_id))
        other._own = False
        return other


class Client(Account[httpx.Client], Driver):
    """A partner's way to Callwright, for one tenant and subtenant; it may be shared by threads."""

    def _new_http(self) -> httpx.Client:
        return httpx.Client()

    def push_calls(self, calls: Iterable[CallRecord]) -> PushReport:
        """Push calls in as few requests as they take, and tell what became of each.

        Raises:
            CallwrightError: The push was broken off; `report` of the error has the calls before.
        """
        pushed: list[Pushed] = []
        try:
            pushed.extend(self.push_each(calls))
        except CallwrightError as error:
            error.report = PushReport(tuple(pushed))
            raise
        return PushReport(tuple(pushed))

    def push_each(self, calls: Iterable[CallRecord]) -> Iterator[Pushed]:
        """Push calls and tell what became of each in their order, batch by batch; any number takes the same memory.

        Raises:
            CallwrightError: A batch was not answered, or not for the sake of its calls refused.
        """
        batcher = Batcher()
        for call in calls:
            if batch := batcher.add(call):
                yield from self._run(push_batch(self._core, batch))
        if batch := batcher.rest():
            yield from self._run(push_batch(self._core, batch))

    def close(self) -> None:
        """Close the connections."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Account[httpx.AsyncClient], AsyncDriver):
    """The same for asyncio: every method is awaited, every list iterated over with `async for`."""

    def _new_http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient()

    async def push_calls(self, calls: Iterable[CallRecord] | AsyncIterable[CallRecord]) -> PushReport:
        """Push calls in as few requests as they take, and tell what became of each.

        Raises:
            CallwrightError: The push was broken off; `report` of the error has the calls before.
        """
        pushed: list[Pushed] = []
        try:
            async for each in self.push_each(calls):
                pushed.append(each)  # noqa: PERF401 - a comprehension would lose them with the error
        except CallwrightError as error:
            error.report = PushReport(tuple(pushed))
            raise
        return PushReport(tuple(pushed))

    async def push_each(self, calls: Iterable[CallRecord] | AsyncIterable[CallRecord]) -> AsyncIterator[Pushed]:
        """Push calls and tell what became of each in their order, batch by batch; any number takes the same memory.

        Raises:
            CallwrightError: A batch was not answered, or not for the sake of its calls refused.
        """
        batcher = Batcher()
        async for call in _each(calls):
            if batch := batcher.add(call):
                for pushed in await self._run(push_batch(self._core, batch)):
                    yield pushed
        if batch := batcher.rest():
            for pushed in await self._run(push_batch(self._core, batch)):
                yield pushed

    async def aclose(self) -> None:
        """Close the connections."""
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def _each(calls: Iterable[CallRecord] | AsyncIterable[CallRecord]) -> AsyncIterator[CallRecord]:
    if isinstance(calls, AsyncIterable):
        async for call in calls:
            yield call
    else:
        for call in calls:
            yield call


def _tenant_headers(tenant_id: str, sub_tenant_id: str) -> dict[str, str]:
    return {"x-tenant-id": tenant_id, "x-sub-tenant-id": sub_tenant_id}
