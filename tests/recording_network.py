"""A network that notes every connection that is tried, and makes none or only scripted ones."""

from collections.abc import Iterable, Mapping

import httpcore


class RecordingNetwork(httpcore.AsyncNetworkBackend):
    """Notes every connection that is tried.

    Args:
        answers: What is answered at an address, to every request; a connection to any other address fails.
    """

    def __init__(self, answers: Mapping[str, bytes] | None = None) -> None:
        self.tried: list[tuple[str, int]] = []
        self._answers = answers or {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.tried.append((host, port))
        if host not in self._answers:
            raise httpcore.ConnectError("not in a test")
        return httpcore.AsyncMockStream([self._answers[host]])
