"""Records on their way in and out.

Both are named tuples and not attrs classes: a telemetry stream makes hundreds of thousands of them a
second, and a tuple is the cheapest value that Python has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes | None]]


class NewRecord(NamedTuple):
    """A record to publish. Without a partition its key chooses one, without a key any will do."""

    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    timestamp_ms: int | None = None
    """Milliseconds since 1970 UTC; None: the time of publishing."""
    headers: Headers = ()


class Record(NamedTuple):
    """A record as the log holds it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
