"""Which dead letters are meant: by their reason, and from an offset or a time on."""

from __future__ import annotations

import attrs

from eventlog.inspect.selection import Bound, parse_bound
from ingest.dlq_letter import Letter


@attrs.frozen
class Selection:
    """Letters that fit all that is given; without anything, all of them."""

    reason: str = ""
    """In lower case; a part of the reason."""
    start: Bound = attrs.field(factory=Bound)

    @classmethod
    def of(cls, reason: str | None, start: str | None) -> Selection:
        """As the options have it; ValueError where `start` is neither an offset nor a time."""
        return cls((reason or "").lower(), Bound() if start is None else parse_bound(start))

    def has(self, letter: Letter) -> bool:
        """Whether a letter is meant; its time is that of the record that was set aside."""
        record, start = letter.record, self.start
        return (
            self.reason in letter.reason.lower()
            and (start.offset is None or record.offset >= start.offset)
            and (start.time_ms is None or record.timestamp_ms >= start.time_ms)
        )
