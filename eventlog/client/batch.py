"""What one poll brings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import attrs

from eventlog.client.description import TopicPartition
from eventlog.client.errors import EventLogError
from eventlog.client.record import Record
from eventlog.client.run import Run


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


@attrs.frozen(eq=False)
class Batch:
    """What one poll brought; false where it brought nothing.

    A partition may have several runs, in the order of their offsets. A gap comes with the record after it.
    """

    runs: Sequence[Run] = ()
    gaps: tuple[Gap, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.runs or self.refusals)

    @property
    def record_count(self) -> int:
        """How many records the runs have."""
        return sum(map(len, self.runs))

    @cached_property
    def records(self) -> Sequence[Record]:
        """All of them, made when they are asked for first: for readers of few, or of whole records."""
        return [run.record(place) for run in self.runs for place in range(len(run))]
