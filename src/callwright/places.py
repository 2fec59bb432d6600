"""How many pages and reports are made at a time: who looks leaves connections to who sends calls, and to others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

PATIENCE_SECONDS = 10.0
"""How long somebody waits for a page or a report to be begun."""


class NoPlace(Exception):
    """None came free in time."""


class Places:
    """The places of a process.

    Args:
        most: Pages and reports that are made at a time.
        of_a_partner: Those of one partner.
        patience: Seconds.
    """

    def __init__(self, most: int, of_a_partner: int, patience: float = PATIENCE_SECONDS) -> None:
        self._all = asyncio.Semaphore(most)
        self._of_a_partner = of_a_partner
        self._partners: WeakValueDictionary[int, asyncio.Semaphore] = WeakValueDictionary()  # of those who ask
        self._patience = patience

    @asynccontextmanager
    async def one(self, partner_id: int) -> AsyncIterator[None]:
        """A place while the block runs; it waits for one of the partner's own before it keeps others from theirs.

        Raises:
            NoPlace: There was none.
        """
        mine = self._partners.setdefault(partner_id, asyncio.Semaphore(self._of_a_partner))
        async with _in_time(mine, self._patience), _in_time(self._all, self._patience):
            yield


@asynccontextmanager
async def _in_time(places: asyncio.Semaphore, seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            await places.acquire()
    except TimeoutError:
        raise NoPlace from None
    try:
        yield
    finally:
        places.release()
