"""What erasures answer, as typed dicts."""

from typing import TypedDict

from callwright_client.models import Time


class Erasure(TypedDict):
    """What an erasure has come to, in numbers; `erased` once it is gone from the database and the store."""

    erasure_id: str
    kind: str
    status: str
    asked_at: Time
    done_at: Time | None
    calls: int
    customers: int
    agents: int
    rows: int
    files: int
