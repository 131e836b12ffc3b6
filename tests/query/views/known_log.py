"""A log that everybody knows by heart: what a view of it must say at each checkpoint is a pure function.

Batches are of `BATCH_RECORDS` records of each partition, so a view that is whole stands at a multiple of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import attrs

from query.views.model import Entry, LabelSet, LatestValue
from query.views.store import Changes, Step
from tests.query.views.answers import entries_of
from tests.query.views.changes import (
    BUSY,
    ENERGY,
    POWER,
    SEEN_MS,
    START_MS,
    TEMPERATURE,
    TOPIC,
    TOPIC_ID,
    SampleRow,
    changes_of,
)

PARTITIONS = (0, 1)
GPU_COUNT = 8
BATCH_RECORDS = 16
"""A multiple of `GPU_COUNT`: each batch has something of each GPU in each partition."""
LATE_MS = 2_000


def gpu_id(number: int) -> str:
    return f"GPU-{number}"


@cache
def surroundings(number: int, job: int) -> LabelSet:
    return attrs.evolve(BUSY, hostname=f"host-{number}", pod=f"job-{job}")


@cache
def record(partition: int, offset: int) -> list[SampleRow]:
    """The rows of one record; now and then it is late, and the surroundings change."""
    number = (offset * 5 + partition) % GPU_COUNT
    around = surroundings(number, offset // 1_000)
    time_ms = START_MS + offset * 10 - (LATE_MS if offset % 29 == 0 else 0)
    values = {
        POWER: offset + partition / 2,
        TEMPERATURE: None if offset % 31 == 0 else 30.0,
        ENERGY: offset**2,
    }
    return [
        SampleRow(gpu_id(number), metric, around, time_ms, value, partition, offset)
        for metric, value in values.items()
    ]


def batch(start: int | None) -> Changes:
    """The batch that begins at a checkpoint, the same in all partitions; None: the first."""
    first = start or 0
    offsets = range(first, first + BATCH_RECORDS)
    rows = [row for partition in PARTITIONS for offset in offsets for row in record(partition, offset)]
    end = offsets.stop
    steps = [Step(TOPIC, TOPIC_ID, partition, start, end, end, SEEN_MS) for partition in PARTITIONS]
    return changes_of(rows, steps)


class KnownView:
    """What a view must say, one GPU at a time."""

    def __init__(self, number: int) -> None:
        self.gpu_id = gpu_id(number)
        self._number = number

    def rows(self, as_of: Mapping[int, int], *, first: int = 0) -> Iterator[SampleRow]:
        """In the order of the log, from an offset on."""
        for partition, end in as_of.items():
            for offset in range(first, end):
                if (offset * 5 + partition) % GPU_COUNT == self._number:
                    yield from record(partition, offset)

    def entries(self, as_of: Mapping[int, int]) -> list[Entry]:
        return entries_of(self.rows(as_of))

    def latest(self, end: int) -> list[LatestValue]:
        """The latest values when the partitions stand at this offset."""
        newest: dict[str, SampleRow] = {}
        for row in self.rows(dict.fromkeys(PARTITIONS, end), first=max(0, end - 4 * GPU_COUNT)):
            name = row.metric.name
            if name not in newest or newest[name].key < row.key:
                newest[name] = row
        return [
            LatestValue(self.gpu_id, row.metric, row.observed_at_ms, row.value, row.label_set)
            for _, row in sorted(newest.items())
        ]


def entry_count(end: int) -> int:
    """Entries of each GPU when the partitions stand at this offset, which is the end of a batch."""
    return len(PARTITIONS) * (end // GPU_COUNT) * len(record(0, 0))


def stands_at(entries: Sequence[Entry]) -> int:
    """The checkpoint that a GPU's entries show: the end of the batch that the last of them is in."""
    last = max((entry.position.offset for entry in entries), default=-BATCH_RECORDS)
    return (last // BATCH_RECORDS + 1) * BATCH_RECORDS
