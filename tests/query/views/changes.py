"""Test data: rows as tests think of them, a feed that gives them places in a log, and a seeded fleet."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from query.views.model import EntryKey, Gap, LabelSet, Metric, Origin
from query.views.store import Changes, SampleColumns, Step

TOPIC = "gpu.telemetry"
TOPIC_ID = "log-a"
START_MS = 1_790_000_000_000
SEEN_MS = 1_790_000_500_000

POWER = Metric("DCGM_FI_DEV_POWER_USAGE", "W", "gauge", "Power draw.")
TEMPERATURE = Metric("DCGM_FI_DEV_GPU_TEMP", "C", "gauge", "Temperature.")
ENERGY = Metric(
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "mJ", "counter", "Energy since the driver was loaded."
)
METRICS = {metric.name: metric for metric in (POWER, TEMPERATURE, ENERGY)}


def label_set(hostname: str = "host-1", **fields: Any) -> LabelSet:
    """Surroundings; what is not given is absent."""
    return attrs.evolve(LabelSet(hostname, None, None, None, None, None, None, None), **fields)


IDLE = label_set(
    gpu_index=0, device="nvidia0", model_name="NVIDIA H100 80GB HBM3", driver_version="535.129.03"
)
BUSY = attrs.evolve(IDLE, container="main", pod="train-0", namespace="research", labels=(("job", "dcgm"),))


@attrs.frozen
class SampleRow:
    """One value of one metric of one GPU, with its place in the log. `value` None is a blank."""

    gpu_id: str
    metric: Metric
    label_set: LabelSet
    observed_at_ms: int
    value: float | None
    partition: int
    offset: int

    @property
    def key(self) -> EntryKey:
        return EntryKey(self.observed_at_ms, self.partition, self.offset, self.metric.name)


def changes_of(rows: Sequence[SampleRow], steps: Sequence[Step]) -> Changes:
    """Rows, in the order of the log, as columns."""
    gpu_ids = {gpu_id: n for n, gpu_id in enumerate(dict.fromkeys(row.gpu_id for row in rows))}
    metrics = {metric: n for n, metric in enumerate(dict.fromkeys(row.metric for row in rows))}
    label_sets = {around: n for n, around in enumerate(dict.fromkeys(row.label_set for row in rows))}
    columns = SampleColumns(
        gpu=np.array([gpu_ids[row.gpu_id] for row in rows], np.int32),
        metric=np.array([metrics[row.metric] for row in rows], np.int32),
        label_set=np.array([label_sets[row.label_set] for row in rows], np.int32),
        observed_at_ms=np.array([row.observed_at_ms for row in rows], np.int64),
        value=np.array([np.nan if row.value is None else row.value for row in rows], np.float64),
        partition=np.array([row.partition for row in rows], np.int32),
        offset=np.array([row.offset for row in rows], np.int64),
    )
    return Changes(list(gpu_ids), list(metrics), list(label_sets), columns, steps)


class Feed:
    """A log as far as views see it: gives events their offsets, and batches their steps."""

    def __init__(self, topic: str = TOPIC, topic_id: str = TOPIC_ID) -> None:
        self.topic = topic
        self.topic_id = topic_id
        self.ends: dict[int, int] = {}
        """The next offset of each partition that has any."""
        self.applied: dict[int, int] = {}
        self._rows: list[SampleRow] = []
        self._origins: dict[tuple[int, str], Origin] = {}
        self._gaps: list[Gap] = []

    def event(
        self,
        gpu_id: str,
        observed_at_ms: int,
        values: Mapping[str, float | None],
        around: LabelSet = IDLE,
        *,
        partition: int = 0,
        origin: Origin | None = None,
    ) -> list[SampleRow]:
        """One record, with one row for each value."""
        offset = self.ends.get(partition, 0)
        self.ends[partition] = offset + 1
        metrics = (METRICS.get(name) or Metric(name, "", "gauge", "") for name in values)
        rows = [
            SampleRow(gpu_id, metric, around, observed_at_ms, value, partition, offset)
            for metric, value in zip(metrics, values.values(), strict=True)
        ]
        self._rows += rows
        if origin is not None:
            self._origins[partition, origin.source] = origin
        return rows

    def rowless(self, count: int = 1, *, partition: int = 0) -> None:
        """Records that give no rows: poison, or dropped."""
        self.ends[partition] = self.ends.get(partition, 0) + count

    def gap(
        self, count: int, *, partition: int = 0, reason: str = "damaged", noted_at_ms: int = SEEN_MS
    ) -> Gap:
        """Offsets that cannot be read."""
        first = self.ends.get(partition, 0)
        self.ends[partition] = first + count
        gap = Gap(partition, first, first + count, reason, noted_at_ms)
        self._gaps.append(gap)
        return gap

    def batch(
        self, *, high_watermarks: Mapping[int, int] | None = None, seen_at_ms: int = SEEN_MS
    ) -> Changes:
        """Everything since the last batch; it counts as applied from then on."""
        steps = [
            Step(
                topic=self.topic,
                topic_id=self.topic_id,
                partition=partition,
                expected=self.applied.get(partition),
                next_offset=end,
                high_watermark=(high_watermarks or {}).get(partition, end),
                seen_at_ms=seen_at_ms,
                origins=[origin for (at, _), origin in self._origins.items() if at == partition],
                gaps=[gap for gap in self._gaps if gap.partition == partition],
            )
            for partition, end in sorted(self.ends.items())
            if end != self.applied.get(partition)
        ]
        changes = changes_of(self._rows, steps)
        self.applied = dict(self.ends)
        self._rows, self._origins, self._gaps = [], {}, []
        return changes


@attrs.frozen
class Fleet:
    """Hosts of eight GPUs, seeded; an event of all metrics for each GPU and tick; jobs come and go."""

    gpu_count: int
    metrics: Sequence[Metric] = (POWER, TEMPERATURE, ENERGY)
    partitions: int = 3
    seed: int = 1
    interval_ms: int = 1_000

    def gpu_id(self, number: int) -> str:
        return f"GPU-{self.seed:08x}-{number:04d}"

    def partition(self, number: int) -> int:
        """Where a GPU's events go."""
        return number % self.partitions

    def ticks(self, feed: Feed, count: int, *, first: int = 0) -> Iterator[list[SampleRow]]:
        """Put events into the feed, one tick of the whole fleet after the other; the rows of each tick."""
        draw = random.Random(f"{self.seed} {first}")
        for tick in range(first, first + count):
            rows: list[SampleRow] = []
            for number in range(self.gpu_count):
                host = label_set(
                    f"host-{number // 8:03d}", gpu_index=number % 8, device=f"nvidia{number % 8}"
                )
                job = (tick // 20 + number) % 3
                around = attrs.evolve(host, pod=f"job-{tick // 20}", namespace="research") if job else host
                values = {
                    metric.name: None if draw.random() < 0.01 else round(draw.uniform(0, 700), 3)
                    for metric in self.metrics
                }
                time_ms = START_MS + tick * self.interval_ms + number % 7
                rows += feed.event(
                    self.gpu_id(number), time_ms, values, around, partition=self.partition(number)
                )
            yield rows
