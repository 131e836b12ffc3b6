"""What views make of the log: the drop rule, and whether a source's rows are complete after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from eventlog.client import MessageQueue, Record, TopicPartition, partition_of
from ingest.telemetry.codec import decode
from ingest.telemetry.model import Sample

Place = tuple[int, int]
"""Pass and row."""


@attrs.frozen
class Folded:
    """One source in one log, by partition."""

    applied: Mapping[int, Sequence[Place]]
    """What the drop rule lets through, in the order of the log."""
    dropped: int


async def everything(queue: MessageQueue, topic: str) -> list[Record]:
    """All records of a topic, partition by partition."""
    records: list[Record] = []
    for at, marks in (await queue.watermarks(await queue.partitions_of(topic))).items():
        records += await _all_of(queue, at, marks.log_start, marks.high_watermark)
    return records


async def _all_of(queue: MessageQueue, at: TopicPartition, start: int, end: int) -> list[Record]:
    subscription = await queue.read({at: start})
    records: list[Record] = []
    while len(records) < end - start:
        records += (await subscription.poll()).records
    await subscription.close()
    return records


def fold(records: Iterable[Record], source_id: str) -> Folded:
    """An origin that is not above the last one applied in its partition is dropped."""
    applied: dict[int, list[Place]] = {}
    dropped = 0
    for record in records:
        assert record.value is not None
        event = decode(record.value)
        assert (event.gpu.uuid.encode(), event.observed_at_ms) == (record.key, record.timestamp_ms)
        if event.origin.source == source_id:
            place = event.origin.pass_number, event.origin.row
            known = applied.setdefault(record.partition, [])
            if known and place <= known[-1]:
                dropped += 1
            else:
                known.append(place)
    return Folded(applied, dropped)


def rows_by_partition(samples: Iterable[Sample], partitions: int) -> dict[int, list[int]]:
    """Where each row of a pass belongs."""
    rows: dict[int, list[int]] = {}
    for sample in samples:
        rows.setdefault(partition_of(sample.gpu.uuid.encode(), partitions), []).append(sample.row)
    return rows


def expected(rows: Sequence[int], count: int, *, first_pass: int = 1) -> list[Place]:
    """The first so many places of a partition, if nothing is lost or doubled."""
    return [(first_pass + number // len(rows), rows[number % len(rows)]) for number in range(count)]
