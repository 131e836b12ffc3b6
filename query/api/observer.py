"""What the API tells of its own work: a port for whoever measures it, and a default that counts."""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

import attrs

CLIENT_GONE: Final = 499
"""The status that is told where a client left before its answer began; it is never sent."""
UNKNOWN_ROUTE: Final = "(unknown)"
UNKNOWN_METHOD: Final = "(other)"


@attrs.frozen
class EndedRequest:
    """A request that is over, whichever way."""

    method: str
    """Of those that HTTP knows, or `UNKNOWN_METHOD`."""
    route: str
    """The path as the document names it, or `UNKNOWN_ROUTE`: few values, whatever is asked for."""
    status: int
    is_whole: bool
    """Whether the answer was sent to its end, or has none."""
    first_byte_s: float
    """From the request to the first byte of its answer."""
    duration_s: float
    body_bytes: int


class RequestObserver(Protocol):
    """Told of each request, in the server's loop: it must not block."""

    def request_began(self) -> None:
        """A request has come in."""
        ...

    def request_ended(self, ended: EndedRequest) -> None:
        """It is over."""
        ...


@attrs.define
class RequestCounts:
    """The default observer: plain counters."""

    running: int = 0
    ended: Counter[tuple[str, str, int]] = attrs.field(factory=Counter)
    """Requests by method, route and status."""
    duration_s_sum: float = 0.0
    body_bytes_sum: int = 0
    broken_off: int = 0
    """Answers that were begun and not ended."""

    def request_began(self) -> None:
        self.running += 1

    def request_ended(self, ended: EndedRequest) -> None:
        self.running -= 1
        self.ended[ended.method, ended.route, ended.status] += 1
        self.duration_s_sum += ended.duration_s
        self.body_bytes_sum += ended.body_bytes
        self.broken_off += not ended.is_whole
