"""Records on their way in and out.

Both are named tuples and not attrs classes: a telemetry stream makes hundreds of thousands of them a
second, and a tuple is the cheapest value that Python has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import attrs

from eventlog.client.description import TopicPartition
from eventlog.client.errors import EventLogError

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


@attrs.frozen
class Gap:
    """Offsets that the log no longer has: damage that was skipped, compaction, transactions' marks."""

    at: TopicPartition
    expected_offset: int
    """The first missing offset."""
    next_offset: int
    """The offset of the record that came instead."""


@attrs.frozen
class Refusal:
    """A partition that cannot be read on from `offset`; it stands still until somebody seeks.

    `error` is an OffsetOutOfRangeError (retention went past, or another log stands there: compare with
    the watermarks), a CorruptRangeError (seek past it) or an UnauthorizedError.
    """

    at: TopicPartition
    offset: int | None
    """Where it stands; None where the broker did not say."""
    error: EventLogError


@attrs.frozen
class Batch:
    """What one poll brought; false where it brought nothing.

    Records of a partition are in the order of their offsets. A gap comes with the record after it.
    """

    records: Sequence[Record] = ()
    gaps: tuple[Gap, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.refusals)
