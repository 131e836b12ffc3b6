"""The oracle: one plain table with a row for each sample. Every query is a loop over all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from query.views.model import (
    GPU,
    Checkpoint,
    Entry,
    EntryKey,
    Gap,
    GPUFilter,
    LatestValue,
    MetricUse,
    Origin,
    Position,
)
from query.views.store import AsOf, Step, Window
from tests.query.views.changes import SampleRow


class Table:
    """What all batches together should have made."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.rows: list[SampleRow] = []
        self.steps: list[Step] = []

    def apply(self, rows: Iterable[SampleRow], steps: Iterable[Step]) -> None:
        self.rows += rows
        self.steps += steps

    # --- entries -------------------------------------------------------------------------------

    def entries(
        self,
        gpu_id: str,
        window: Window,
        metric_names: Sequence[str],
        after: EntryKey | None,
        as_of: AsOf | None,
        limit: int | None,
    ) -> list[Entry]:
        found = []
        for row in self.rows:
            if row.gpu_id != gpu_id:
                continue
            if window.start_ms is not None and not window.start_ms <= row.observed_at_ms:
                continue
            if window.end_ms is not None and not row.observed_at_ms <= window.end_ms:
                continue
            if metric_names and row.metric.name not in metric_names:
                continue
            if after is not None and not row.key > after:
                continue
            if as_of is not None and not (row.partition in as_of and row.offset < as_of[row.partition]):
                continue
            found.append(row)
        found.sort(key=lambda row: (row.observed_at_ms, row.partition, row.offset, row.metric.name))
        return [self._entry(row) for row in (found if limit is None else found[:limit])]

    def _entry(self, row: SampleRow) -> Entry:
        position = Position(self.topic, row.partition, row.offset)
        return Entry(row.gpu_id, row.metric, row.observed_at_ms, row.value, row.label_set, position)

    # --- GPUs ----------------------------------------------------------------------------------

    def gpu(self, gpu_id: str) -> GPU | None:
        rows = [row for row in self.rows if row.gpu_id == gpu_id]
        if not rows:
            return None
        return GPU(
            id=gpu_id,
            latest=newest(rows).label_set,
            first_seen_ms=min(row.observed_at_ms for row in rows),
            last_seen_ms=max(row.observed_at_ms for row in rows),
            metric_names=tuple(sorted({row.metric.name for row in rows})),
        )

    def gpus(self, wanted: GPUFilter, after_id: str | None, limit: int | None) -> list[GPU]:
        every = (self.gpu(gpu_id) for gpu_id in sorted({row.gpu_id for row in self.rows}))
        found = [
            gpu
            for gpu in every
            if gpu is not None
            and (after_id is None or gpu.id > after_id)
            and wanted.hostname in {None, gpu.latest.hostname}
            and wanted.model_name in {None, gpu.latest.model_name}
            and wanted.namespace in {None, gpu.latest.namespace}
            and wanted.pod in {None, gpu.latest.pod}
        ]
        return found if limit is None else found[:limit]

    def latest_of_gpu(self, gpu_id: str) -> list[LatestValue]:
        names = sorted({row.metric.name for row in self.rows if row.gpu_id == gpu_id})
        return [self._latest(gpu_id, name) for name in names]

    def latest_of_metric(self, metric_name: str) -> list[LatestValue]:
        ids = sorted({row.gpu_id for row in self.rows if row.metric.name == metric_name})
        return [self._latest(gpu_id, metric_name) for gpu_id in ids]

    def _latest(self, gpu_id: str, metric_name: str) -> LatestValue:
        row = newest(row for row in self.rows if (row.gpu_id, row.metric.name) == (gpu_id, metric_name))
        return LatestValue(gpu_id, row.metric, row.observed_at_ms, row.value, row.label_set)

    def metrics(self) -> list[MetricUse]:
        metrics = {row.metric.name: row.metric for row in self.rows}
        return [
            MetricUse(metrics[name], len({row.gpu_id for row in self.rows if row.metric.name == name}))
            for name in sorted(metrics)
        ]

    # --- how far it is -------------------------------------------------------------------------

    def as_of(self) -> dict[int, int]:
        return {step.partition: step.next_offset for step in self.steps}

    def checkpoints(self) -> list[Checkpoint]:
        last = {step.partition: step for step in self.steps}
        return [
            Checkpoint(
                topic=self.topic,
                topic_id=step.topic_id,
                partition=partition,
                next_offset=step.next_offset,
                high_watermark=step.high_watermark,
                seen_at_ms=step.seen_at_ms,
                applied_time_ms=max(
                    (row.observed_at_ms for row in self.rows if row.partition == partition), default=None
                ),
            )
            for partition, step in sorted(last.items())
        ]

    def origins(self) -> dict[int, dict[str, Origin]]:
        found: dict[int, dict[str, Origin]] = {step.partition: {} for step in self.steps}
        for step in self.steps:
            for origin in step.origins:
                found[step.partition][origin.source] = origin
        return found

    def gaps(self) -> list[Gap]:
        gaps = [gap for step in self.steps for gap in step.gaps]
        return sorted(gaps, key=lambda gap: (gap.partition, gap.first))


def newest(rows: Iterable[SampleRow]) -> SampleRow:
    """The greatest by (time, partition, offset)."""
    return max(rows, key=lambda row: (row.observed_at_ms, row.partition, row.offset))
