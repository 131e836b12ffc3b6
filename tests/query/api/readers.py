"""Readers with more entries than anybody wants, made as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from query.views.errors import ViewUnavailableError
from query.views.memory import MemoryViewReader
from query.views.model import EntryKey, EntrySlice
from query.views.store import SLICE_ENTRIES_MAX, AsOf, Window
from tests.query.api.fleet import METRICS, START_MS, TOPIC, Fleet, label_set


class LongReader(MemoryViewReader):
    """Every GPU has `entries_max` entries; counts what is read."""

    def __init__(self, entries_max: int) -> None:
        fleet = Fleet()
        fleet.add(1)
        super().__init__(fleet.views)
        self._entries_max = entries_max
        self.slices_read = 0
        self.listings_closed = 0
        self.before_slice: Callable[[int], None] = lambda _: None
        """Called with the number of each slice before it is made."""

    def entries(
        self,
        gpu_id: str,
        window: Window = Window(),  # noqa: B008  # frozen
        metric_names: Sequence[str] = (),
        *,
        after: EntryKey | None = None,
        as_of: AsOf | None = None,
        limit: int | None = None,
    ) -> Iterator[EntrySlice]:
        try:
            for number in range(self._entries_max // SLICE_ENTRIES_MAX):
                self.before_slice(number)
                self.slices_read += 1
                yield _slice(gpu_id, number)
        finally:
            self.listings_closed += 1


def _slice(gpu_id: str, number: int) -> EntrySlice:
    row = np.arange(SLICE_ENTRIES_MAX, dtype=np.int64) + number * SLICE_ENTRIES_MAX
    columns: dict[str, Any] = {
        "observed_at_ms": START_MS + row // len(METRICS),
        "value": row.astype(np.float64),
        "metric": row % len(METRICS),
        "label_set": row * 0,
        "partition": row * 0,
        "offset": row // len(METRICS),
    }
    return EntrySlice(gpu_id=gpu_id, topic=TOPIC, metrics=METRICS, label_sets=[label_set(0)], **columns)


def break_at(slice_number: int) -> Callable[[int], None]:
    """Fail as a store does that goes away."""

    def before(number: int) -> None:
        if number == slice_number:
            raise ViewUnavailableError("the disk has gone")

    return before
