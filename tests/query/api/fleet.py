"""A small fleet in a memory view, and more entries for it whenever a test wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

from query.api.dto import EXAMPLE_GPU_ID
from query.views.memory import MemoryViews
from query.views.memory_build import MemoryBuild
from query.views.model import Gap, LabelSet, Metric
from query.views.store import Changes, SampleColumns, Step, ViewReader, ViewWriter

TOPIC = "gpu.telemetry"
TOPIC_ID = "a-topic"
START_MS = 1_795_341_600_000
"""2026-11-22T10:00:00.000Z."""
UTIL = Metric("DCGM_FI_DEV_GPU_UTIL", "%", "gauge", "GPU utilisation")
POWER = Metric("DCGM_FI_DEV_POWER_USAGE", "W", "gauge", "Power drawn")
ENERGY = Metric("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "mJ", "counter", "Energy since boot")
METRICS = (UTIL, POWER, ENERGY)
FIRST_ID = EXAMPLE_GPU_ID
"""The one that the document gives as an example."""
SECOND_ID = "GPU-c0ffee00-0000-4000-8000-000000000002"
IDLE_ID = "GPU-d1e00000-0000-4000-8000-000000000003"
GPU_IDS = (FIRST_ID, SECOND_ID, IDLE_ID)
PARTITIONS = 4


def label_set(gpu: int) -> LabelSet:
    """What stands around a GPU's samples; every second one has a workload."""
    works = gpu % 2 == 0
    return LabelSet(
        hostname=f"gpu-node-{gpu // 2 + 1:02d}",
        gpu_index=gpu % 2,
        device=f"nvidia{gpu % 2}",
        model_name="NVIDIA H100 80GB HBM3",
        driver_version="535.129.03" if works else None,
        container="main" if works else None,
        pod=f"llm-train-{gpu}" if works else None,
        namespace="training" if works else None,
        labels=(("cluster", 'ein "Wort"\n€'), ("job", "dcgm")) if works else (),
    )


class Fleet:
    """GPUs whose entries come in rounds: one event a GPU, a second apart, each with every metric."""

    def __init__(self, gpu_ids: Sequence[str] = GPU_IDS, *, is_empty: bool = False) -> None:
        self.gpu_ids = tuple(gpu_ids)
        self.views = MemoryViews()
        self._rounds = 0
        self._next_offsets = [0] * PARTITIONS
        self._expected: list[int | None] = [None] * PARTITIONS
        if not is_empty:
            self._writer = self.views.writer(projections={"inventory": 1, "samples": 1})

    def reader(self) -> ViewReader:
        """A new reader."""
        return self.views.reader()

    def write_to(self, writer: ViewWriter) -> None:
        """Write to another store from now on."""
        self._writer = writer

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()

    def rebuild(self) -> None:
        """Another build in place of the one there is, with nothing in it."""
        self.views.current = None
        self._writer = self.views.writer(projections={"inventory": 2, "samples": 1})
        build: MemoryBuild = vars(self.views)["current"]
        build.build = attrs.evolve(build.build, name="000002")
        self._rounds = 0
        self._next_offsets, self._expected = [0] * PARTITIONS, [None] * PARTITIONS

    def partition(self, gpu: int) -> int:
        """Where a GPU's events go."""
        return gpu % PARTITIONS

    def skip(self, partition: int, count: int) -> None:
        """Leave out so many offsets; the next batch needs a gap there."""
        self._next_offsets[partition] += count

    def add(self, rounds: int, *, gaps: Sequence[Gap] = (), lag: int = 0) -> None:
        """Apply so many rounds, one after another, as one batch."""
        rows = []
        for round_number in range(self._rounds, self._rounds + rounds):
            for gpu in range(len(self.gpu_ids)):
                partition = self.partition(gpu)
                offset = self._next_offsets[partition]
                self._next_offsets[partition] += 1
                time_ms = START_MS + round_number * 1000
                rows += [
                    (gpu, metric, gpu, time_ms, self.value(round_number, metric), partition, offset)
                    for metric in range(len(METRICS))
                ]
        self._rounds += rounds
        gpu_column, metric, around, times, values, partitions, offsets = zip(*rows, strict=True)
        samples = SampleColumns(
            gpu=np.array(gpu_column, np.int32),
            metric=np.array(metric, np.int32),
            label_set=np.array(around, np.int32),
            observed_at_ms=np.array(times, np.int64),
            value=np.array(values, np.float64),
            partition=np.array(partitions, np.int32),
            offset=np.array(offsets, np.int64),
        )
        self._writer.apply(
            Changes(
                gpu_ids=self.gpu_ids,
                metrics=METRICS,
                label_sets=[label_set(gpu) for gpu in range(len(self.gpu_ids))],
                samples=samples,
                steps=[self._step(partition, gaps, lag) for partition in sorted(set(partitions))],
            )
        )

    def _step(self, partition: int, gaps: Sequence[Gap], lag: int) -> Step:
        expected, self._expected[partition] = self._expected[partition], self._next_offsets[partition]
        return Step(
            topic=TOPIC,
            topic_id=TOPIC_ID,
            partition=partition,
            expected=expected,
            next_offset=self._next_offsets[partition],
            high_watermark=self._next_offsets[partition] + lag,
            seen_at_ms=START_MS + self._rounds * 1000,
            gaps=[gap for gap in gaps if gap.partition == partition],
        )

    @staticmethod
    def value(round_number: int, metric: int) -> float:
        """Every tenth utilisation is a blank."""
        if metric == 0:
            return math.nan if round_number % 10 == 9 else float(round_number % 101)
        return 71.125 + round_number if metric == 1 else 1e12 + round_number
