"""A fleet's telemetry as columns, as a collector would hand it over: one event for each metric of each GPU.

Each GPU is sampled once a second, metric by metric over the whole fleet, as an exporter's file is ordered.
Half of the GPUs are idle; on the others utilisation, power, temperature, clocks and memory wander, power with
three decimals. A GPU has its own surroundings, and every ten minutes one GPU in ten gets another job. Offsets
are those of a topic with 12 partitions, in which each event has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from query.views.model import LabelSet, Metric
from query.views.store import Changes, SampleColumns, Step

METRICS = tuple(
    Metric(f"DCGM_FI_DEV_{name}", unit, "gauge", name.replace("_", " ").capitalize())
    for name, unit in (
        ("GPU_UTIL", "%"),
        ("MEM_COPY_UTIL", "%"),
        ("GPU_TEMP", "C"),
        ("POWER_USAGE", "W"),
        ("SM_CLOCK", "MHz"),
        ("MEM_CLOCK", "MHz"),
        ("FB_USED", "MiB"),
        ("FB_FREE", "MiB"),
        ("ENC_UTIL", "%"),
        ("XID_ERRORS", ""),
    )
)
PARTITIONS = 12
START_MS = 1_790_000_000_000
TICK_MS = 1_000
SPREAD_MS = (150, 250)
"""A tick's events are stamped over a time between these, in their order."""
LATE_MS = 5
"""A tick begins that late at most."""
JOB_TICKS = 600
MEMORY_MIB = 81_007
TOPIC = "gpu.telemetry"
TOPIC_ID = "bench"


class FleetColumns:
    """The telemetry of so many GPUs, batch by batch; the same for the same numbers.

    Fleets of different shares have other GPUs, in other partitions: several collectors each take one.
    """

    def __init__(self, gpu_count: int, *, ticks_per_batch: int = 1, share: int = 0) -> None:
        self._first_gpu, self._first_partition = share * gpu_count, share * PARTITIONS
        numbers = range(self._first_gpu, self._first_gpu + gpu_count)
        self.gpu_ids = [f"GPU-{number:08x}-0000-4000-8000-{number:012x}" for number in numbers]
        self.series_count = gpu_count * len(METRICS)
        self.tick = 0
        self.ticks_per_batch = ticks_per_batch
        self._draw = np.random.default_rng(gpu_count)
        self._load = np.where(np.arange(gpu_count) % 2, 60.0, 0.0)
        self._offsets = np.zeros(PARTITIONS, np.int64)
        self._jobs = np.zeros(gpu_count, np.int64)
        self._label_sets = [self._surroundings(number) for number in range(gpu_count)]
        partitions = (np.arange(gpu_count, dtype=np.int64) * 2_654_435_761 % 2**32) % PARTITIONS
        rows = np.arange(self.series_count * ticks_per_batch)
        self._row_gpu = (rows % gpu_count).astype(np.int32)
        self._row_metric = (rows // gpu_count % len(METRICS)).astype(np.int32)
        self._row_partition = partitions[self._row_gpu].astype(np.int32)
        # The place of each row among those of its partition, in this batch.
        self._row_place = np.zeros(len(rows), np.int64)
        self._partition_rows = np.bincount(self._row_partition, minlength=PARTITIONS)
        for partition in range(PARTITIONS):
            mine = self._row_partition == partition
            self._row_place[mine] = np.arange(np.count_nonzero(mine))

    @property
    def end_ms(self) -> int:
        """The time before which all has been handed out."""
        return START_MS + self.tick * TICK_MS

    def batches(self, row_count: int) -> Iterator[Changes]:
        """Batches of about so many rows in all."""
        for _ in range(max(1, round(row_count / len(self._row_gpu)))):
            yield self._batch()

    def _batch(self) -> Changes:
        starts, self._offsets = self._offsets, self._offsets + self._partition_rows
        values = np.concatenate([self._values() for _ in range(self.ticks_per_batch)])
        samples = SampleColumns(
            gpu=self._row_gpu,
            metric=self._row_metric,
            label_set=self._row_gpu,
            observed_at_ms=np.concatenate([self._times_ms(n) for n in range(self.ticks_per_batch)]),
            value=values,
            partition=self._row_partition + np.int32(self._first_partition),
            offset=starts[self._row_partition] + self._row_place,
        )
        self.tick += self.ticks_per_batch
        if self.tick % JOB_TICKS < self.ticks_per_batch:
            self._change_jobs()
        steps = [
            Step(TOPIC, TOPIC_ID, self._first_partition + partition, start or None, end, end, self.end_ms)
            for partition, (start, end) in enumerate(
                zip(starts.tolist(), self._offsets.tolist(), strict=True)
            )
            if start != end
        ]
        return Changes(self.gpu_ids, METRICS, self._label_sets, samples, steps)

    def _times_ms(self, number: int) -> NDArray[np.int64]:
        """When the events of one tick of the batch were stamped."""
        start_ms = START_MS + (self.tick + number) * TICK_MS + int(self._draw.integers(LATE_MS + 1))
        spread_ms = int(self._draw.integers(*SPREAD_MS))
        return start_ms + np.arange(self.series_count) * spread_ms // self.series_count

    def _values(self) -> NDArray[np.float64]:
        """One tick's values, metric by metric."""
        count = len(self.gpu_ids)
        busy = self._load > 0
        steps = self._draw.normal(0.0, 3.0, count)
        self._load = np.where(busy, np.clip(self._load + steps, 1.0, 100.0), 0.0)
        load = self._load
        used = np.where(busy, 40_000 + 256 * np.round(load / 8), 4.0)
        columns = (
            np.round(load),
            np.round(load * 0.6),
            np.round(30 + load * 0.4),
            np.round(70 + load * 6.0 + self._draw.normal(0.0, 1.5, count), 3),
            np.where(busy, 1980.0 - 15.0 * np.round(load / 10), 345.0),
            np.where(busy, 2619.0, 2619.0),
            used,
            MEMORY_MIB - used,
            np.zeros(count),
            np.where(self._draw.random(count) < 1e-5, 79.0, 0.0),
        )
        return np.concatenate(columns)

    def _change_jobs(self) -> None:
        changed = self._draw.choice(len(self.gpu_ids), max(1, len(self.gpu_ids) // 10), replace=False)
        for number in changed.tolist():
            self._jobs[number] += 1
            self._label_sets[number] = self._surroundings(number)

    def _surroundings(self, number: int) -> LabelSet:
        busy, host = bool(number % 2), (self._first_gpu + number) // 8
        return LabelSet(
            hostname=f"gpu-host-{host:04d}",
            gpu_index=number % 8,
            device=f"nvidia{number % 8}",
            model_name="NVIDIA H100 80GB HBM3",
            driver_version="535.129.03",
            container="main" if busy else None,
            pod=f"job-{self._jobs[number]}-{number}" if busy else None,
            namespace="research" if busy else None,
            labels=(("instance", f"gpu-host-{host:04d}:9400"), ("job", "dcgm_exporter")),
        )
