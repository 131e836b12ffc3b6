"""A segment's indexes held against its batches: each entry has to name a real batch boundary.

Indexes are derived, so nothing here is corruption; the log reads the segment instead, and writes the
index anew.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from eventlog.inspect.partition import LogFile
from eventlog.storage.index import (
    OFFSET_ENTRY_BYTES,
    TIME_ENTRY_BYTES,
    IndexDamagedError,
    OffsetIndex,
    TimeIndex,
)
from eventlog.storage.scan import Damage, Place, Read, ScannedBatch
from eventlog.storage.segment_index import NO_TIMESTAMP, SegmentIndex

NEVER = 2**63
_MISSING = "is missing; the index will be rebuilt"


class IndexCheck:
    """Takes a segment's batches and damage in their order, then says what is wrong with its indexes.

    Entries for batches from `trusted_offset` on are not judged: they are not known to be flushed.
    """

    def __init__(
        self, log: LogFile, offsets: bytes | None, times: bytes | None, trusted_offset: int | None
    ) -> None:
        self._log = log
        self._trusted_offset = trusted_offset
        self._data = (offsets or b"", times or b"")
        files = ((log.index_path, offsets), (log.timeindex_path, times))
        self._missing = [path for path, data in files if data is None]
        self._complaints: dict[Path, str] = {}
        self._offsets = OffsetIndex(log.base_offset, self._data[0])
        self._times = TimeIndex(log.base_offset, self._data[1])
        self.entries = len(self._offsets.entries) + len(self._times.entries)
        self._next_entry = self._next_mark = 0
        self._next_position = self._next_offset = 0
        """No entry before this position, and no mark before this offset, is still to be judged."""
        self._largest_timestamp_ms = NO_TIMESTAMP
        self._is_whole = True
        self._check_form()

    def batch(self, batch: ScannedBatch) -> None:
        """The next good batch."""
        if self._next_position <= batch.position:
            self._entries_up_to(batch.position, batch.base_offset, is_batch=True)
        if self._next_offset <= batch.base_offset:
            self._marks_up_to(batch.base_offset)
        self._largest_timestamp_ms = max(self._largest_timestamp_ms, batch.max_timestamp_ms)

    def damaged(self, damage: Damage) -> None:
        """Bytes that are no good batch: entries that lead there may have been right once."""
        self._is_whole = False
        self._entries_up_to(damage.position, damage.offset, is_batch=True)
        self._marks_up_to(damage.offset)
        with suppress(IndexDamagedError):
            while self._next_entry < len(self._offsets.entries):
                _, position = self._offsets.entries.get(self._next_entry)
                if position >= damage.end_position:
                    break
                self._next_entry += 1
            while self._next_mark < len(self._times.entries):
                *_, relative_offset = self._times.entries.get(self._next_mark)
                if self._log.base_offset + relative_offset >= damage.next_offset:
                    break
                self._next_mark += 1

    def finish(
        self, read: Read, end: Place, interval_bytes: int | None, *, is_sealed: bool
    ) -> dict[Path, str]:
        """At most one complaint for each file; `is_sealed` where both should be complete by now."""
        self._entries_up_to(end.position, end.offset, is_batch=False)
        self._marks_up_to(end.offset)
        self._complain_of_rest()
        if is_sealed and not self._is_whole:
            self._complaints.update(dict.fromkeys(self._missing, _MISSING))
        elif is_sealed and not self._complaints:
            self._check_complete(read, end, interval_bytes)
        return self._complaints

    def _check_form(self) -> None:
        log = self._log
        if not self._has_form(log.index_path, self._data[0], OFFSET_ENTRY_BYTES, self._offsets):
            self._offsets = OffsetIndex(log.base_offset)
        if not self._has_form(log.timeindex_path, self._data[1], TIME_ENTRY_BYTES, self._times):
            self._times = TimeIndex(log.base_offset)

    def _has_form(self, path: Path, data: bytes, entry_bytes: int, index: OffsetIndex | TimeIndex) -> bool:
        """Whether every entry is good by itself; complains where one is not."""
        if len(data) % entry_bytes and self._trusted_offset is None:
            self._complaints[path] = "ends within an entry; the index will be completed"
        try:
            index.check()
        except IndexDamagedError:
            self._complaints[path] = "has a damaged entry; the index will be rebuilt"
            return False
        return True

    def _entries_up_to(self, position: int, offset: int, *, is_batch: bool) -> None:
        """Judge the entries up to the boundary `position`, where the batch at `offset` begins."""
        entries, base_offset = self._offsets.entries, self._log.base_offset
        while self._next_entry < len(entries):
            relative_offset, at = entries.get(self._next_entry)
            if at > position or (at == position and not is_batch):
                self._next_position = at
                return
            if (at, base_offset + relative_offset) != (position, offset):
                self._complain(self._log.index_path, base_offset + relative_offset, f"position {at}")
            self._next_entry += 1
        self._next_position = NEVER

    def _marks_up_to(self, offset: int) -> None:
        """Judge the time marks up to `offset`, which every batch so far lies before."""
        entries, base_offset = self._times.entries, self._log.base_offset
        while self._next_mark < len(entries):
            largest_ms, _, relative_offset = entries.get(self._next_mark)
            marked = base_offset + relative_offset
            if marked > offset:
                self._next_offset = marked
                return
            known = self._largest_timestamp_ms
            is_right = largest_ms == known if self._is_whole else largest_ms >= known
            if marked != offset or not is_right:
                self._complain(self._log.timeindex_path, marked, f"timestamp {largest_ms}")
            self._next_mark += 1
        self._next_offset = NEVER

    def _complain_of_rest(self) -> None:
        """What is left points past the end of the segment."""
        base_offset = self._log.base_offset
        if self._next_entry < len(self._offsets.entries):
            relative_offset, at = self._offsets.entries.get(self._next_entry)
            self._complain(self._log.index_path, base_offset + relative_offset, f"position {at}")
        if self._next_mark < len(self._times.entries):
            largest_ms, _, relative_offset = self._times.entries.get(self._next_mark)
            self._complain(self._log.timeindex_path, base_offset + relative_offset, f"timestamp {largest_ms}")

    def _complain(self, path: Path, offset: int, what: str) -> None:
        if self._trusted_offset is not None and offset >= self._trusted_offset:
            return
        self._complaints.setdefault(
            path, f"has an entry that no batch bears out ({what}, offset {offset}); the index will be rebuilt"
        )

    def _check_complete(self, read: Read, end: Place, interval_bytes: int | None) -> None:
        """Let the storage complete the indexes, in memory, and see whether it found something to add."""
        log = self._log
        index = SegmentIndex(log.base_offset, interval_bytes or end.position + 1, *self._data)
        index.complete(read, end.position, log.modified_ms)
        index.seal(end.offset)
        for path, (lacking, _), size in zip(
            (log.index_path, log.timeindex_path),
            index.unwritten(),
            (OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES),
            strict=True,
        ):
            if lacking and path in self._missing:
                self._complaints[path] = _MISSING
            elif lacking:
                count = len(lacking) // size
                self._complaints[path] = (
                    f"lacks {count} {'entry' if count == 1 else 'entries'}; the index will be completed"
                )
