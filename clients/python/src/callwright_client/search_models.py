"""What a search answers, as typed dicts."""

from typing import Literal, TypedDict

from callwright_client.models import Speaker, Time


class FoundTranscript(TypedDict):
    """What the words rest on; of a draft they must not be relied on."""

    engine: str
    quality: Literal["draft", "final", "partner"]
    draft: bool


class FoundTurn(TypedDict):
    """The turn of the call's transcript; seconds from the start of the recording."""

    id: int
    speaker: Speaker
    start: float
    end: float


class Highlight(TypedDict):
    """A word of the query in the text, in characters (Unicode code points) from its start."""

    offset: int
    length: int


class Hit(TypedDict):
    """A turn that was found, and its call; `text` is plain."""

    call_id: str
    tenant_id: str
    subtenant_id: str
    start_time: Time
    end_time: Time
    agent_id: str
    agent_name: str | None
    customer_id: str
    customer_name: str | None
    transcript: FoundTranscript
    turn: FoundTurn
    text: str
    highlights: list[Highlight]
    rank: float
