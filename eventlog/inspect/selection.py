"""Which records are wanted: from and to an offset or a time, and how many."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import attrs

from eventlog.record.header import BatchHeader
from eventlog.record.record import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"\d{1,19}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@attrs.frozen
class Bound:
    """An offset, or a time in ms since 1970; the other one is None."""

    offset: int | None = None
    time_ms: int | None = None


def parse_bound(text: str) -> Bound:
    """An offset (`1200`) or an RFC 3339 time (`2026-07-01T12:00:00Z`); ValueError where it is neither."""
    if _OFFSET.fullmatch(text) and int(text) < 2**63:
        return Bound(offset=int(text))
    if not _TIME.fullmatch(text):
        raise ValueError("an offset (1200) or a time with its zone (2026-07-01T12:00:00Z) is wanted")
    moment = datetime.fromisoformat(text.upper())
    return Bound(time_ms=(moment - _EPOCH) // timedelta(milliseconds=1))


@attrs.define
class Selection:
    """Records from `start`, inclusive, to `end`, exclusive; `limit` counts down as they are taken."""

    start: Bound = attrs.field(factory=Bound)
    end: Bound = attrs.field(factory=Bound)
    limit: int | None = None

    @property
    def from_offset(self) -> int:
        return self.start.offset or 0

    @property
    def is_done(self) -> bool:
        """Whether as many as were wanted have been taken."""
        return self.limit is not None and self.limit <= 0

    def take(self) -> None:
        """One more was shown."""
        if self.limit is not None:
            self.limit -= 1

    def holds_offsets(self, offset: int, next_offset: int) -> bool:
        """Whether one of these offsets is wanted, as far as offsets decide."""
        return next_offset > self.from_offset and (self.end.offset is None or offset < self.end.offset)

    def may_hold(self, header: BatchHeader) -> bool:
        """Whether a record of the batch may be wanted; its first record's time stands for its earliest."""
        return (
            self.holds_offsets(header.base_offset, header.next_offset)
            and (self.start.time_ms is None or header.max_timestamp_ms >= self.start.time_ms)
            and (self.end.time_ms is None or header.base_timestamp_ms < self.end.time_ms)
        )

    def holds(self, record: Record) -> bool:
        """Whether the record is wanted."""
        return (
            self.holds_offsets(record.offset, record.offset + 1)
            and (self.start.time_ms is None or record.timestamp_ms >= self.start.time_ms)
            and (self.end.time_ms is None or record.timestamp_ms < self.end.time_ms)
        )
