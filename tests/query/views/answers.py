"""Asking views, and what the answers should be, in the words of the tests."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence

from query.views.model import Entry, EntryKey, Position
from query.views.store import AsOf, ViewReader, ViewWriter, Window
from tests.query.views.changes import SEEN_MS, TOPIC, SampleRow

DAY_MS = 24 * 3600 * 1000


def read(
    reader: ViewReader,
    gpu_id: str,
    window: Window = Window(),  # noqa: B008  # frozen
    metric_names: Sequence[str] = (),
    *,
    after: EntryKey | None = None,
    as_of: AsOf | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """All entries that are asked for, as one list; a reader that goes round in circles fails."""
    found: list[Entry] = []
    for entry_slice in reader.entries(gpu_id, window, metric_names, after=after, as_of=as_of, limit=limit):
        entries = list(entry_slice.entries())
        assert entries, "an empty slice"
        assert not found or found[-1].key < entries[0].key, "a slice that does not follow the one before"
        found += entries
    return found


def entries_of(rows: Iterable[SampleRow], topic: str = TOPIC) -> list[Entry]:
    """The entries that rows are, in their order."""
    return [
        Entry(
            gpu_id=row.gpu_id,
            metric=row.metric,
            observed_at_ms=row.observed_at_ms,
            value=row.value,
            label_set=row.label_set,
            position=Position(topic, row.partition, row.offset),
        )
        for row in sorted(rows, key=lambda row: row.key)
    ]


def bits(value: float | None) -> bytes | None:
    """A value that tells -0.0 from 0.0."""
    return None if value is None or math.isnan(value) else struct.pack("<d", value)


def settle(writer: ViewWriter, now_ms: int = SEEN_MS + DAY_MS) -> None:
    """All background work that there is; by default so late that nothing is too young for it."""
    while writer.maintain(now_ms):
        pass
