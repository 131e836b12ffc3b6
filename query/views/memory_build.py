"""A build in memory: plain rows, one list for each GPU, and how far the log has been applied."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from query.views.changes import assert_sound
from query.views.errors import AnotherLogError, StaleCheckpointError
from query.views.model import (
    GPU,
    Build,
    Checkpoint,
    EntryKey,
    Gap,
    LabelSet,
    LatestValue,
    Metric,
    MetricUse,
    PartitionState,
    RefusedLog,
    ViewStatus,
)
from query.views.series import Grid, StepValues, step_values
from query.views.store import AsOf, Changes, Step, Window


class Row(NamedTuple):
    """One entry."""

    key: EntryKey
    value: float
    """NaN for a blank."""
    label_set: LabelSet

    @property
    def value_or_none(self) -> float | None:
        """None for a blank."""
        return None if self.value != self.value else self.value  # NaN


def key_of(row: Row) -> EntryKey:
    """What rows are sorted by."""
    return row.key


def time_of(row: Row) -> int:
    """Also in that order."""
    return row.key.observed_at_ms


class History:
    """The rows of one GPU, in their order, and what follows from them. It is never empty but at first."""

    def __init__(self, gpu_id: str, first_seen_ms: int) -> None:
        self.gpu_id = gpu_id
        self.first_seen_ms = first_seen_ms
        self.rows: list[Row] = []
        self.latest: dict[str, Row] = {}
        """The newest row of each metric, by the metric's name."""

    def add(self, rows: list[Row]) -> None:
        rows.sort(key=key_of)
        self.first_seen_ms = min(self.first_seen_ms, time_of(rows[0]))
        start = bisect_left(self.rows, rows[0].key, key=key_of)
        self.rows[start:] = sorted(self.rows[start:] + rows, key=key_of)
        for row in rows:
            name = row.key.metric_name
            if name not in self.latest or self.latest[name].key < row.key:
                self.latest[name] = row

    def drop_before(self, time_ms: int) -> None:
        """Forget what is older. When the GPU was first seen is kept for as long as it has rows."""
        del self.rows[: bisect_left(self.rows, time_ms, key=time_of)]
        self.latest = {name: row for name, row in self.latest.items() if time_of(row) >= time_ms}

    def select(
        self, window: Window, metric_names: Collection[str], after: EntryKey | None, as_of: AsOf | None
    ) -> Iterator[Row]:
        """The rows that are asked for, in their order."""
        start = 0 if window.start_ms is None else bisect_left(self.rows, window.start_ms, key=time_of)
        if after is not None:
            start = max(start, bisect_right(self.rows, after, key=key_of))
        for row in islice(self.rows, start, None):
            if window.end_ms is not None and time_of(row) > window.end_ms:
                return
            is_named = not metric_names or row.key.metric_name in metric_names
            if is_named and (as_of is None or row.key.offset < as_of.get(row.key.partition, 0)):
                yield row

    def in_log_order(self, next_offsets: AsOf, metric_names: Collection[str]) -> list[Row]:
        """The rows from these offsets on."""
        found = [
            row
            for row in self.rows
            if row.key.offset >= next_offsets.get(row.key.partition, 0)
            and (not metric_names or row.key.metric_name in metric_names)
        ]
        return sorted(found, key=lambda row: (row.key.partition, row.key.offset, row.key.metric_name))

    def series(self, metric_name: str, grid: Grid) -> list[StepValues]:
        """The steps of one metric that hold something."""
        values: defaultdict[int, list[float | None]] = defaultdict(list)
        for row in self.select(Window(grid.start_ms, grid.end_ms), (metric_name,), None, None):
            values[grid.step_of(time_of(row))].append(row.value_or_none)
        return [step_values(grid.begins_ms(step), values[step]) for step in sorted(values)]

    @property
    def gpu(self) -> GPU:
        """The GPU as its rows tell."""
        newest = self.rows[-1]
        return GPU(
            self.gpu_id, newest.label_set, self.first_seen_ms, time_of(newest), tuple(sorted(self.latest))
        )


class MemoryBuild:
    """What one set of projections has made of one log. Whoever calls holds the lock."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.histories: dict[str, History] = {}
        self.metrics: dict[str, Metric] = {}
        self.states: dict[int, PartitionState] = {}
        self.gaps: list[Gap] = []
        self.refused_log: RefusedLog | None = None
        self.log: tuple[str, str] | None = None
        """Topic and topic id that are followed; None before the first step."""
        self._label_sets: dict[LabelSet, LabelSet] = {}

    # --- writing -------------------------------------------------------------------------------

    def check_log(self, topic: str, topic_id: str) -> None:
        """Raise AnotherLogError where the build follows another one."""
        if self.log not in {None, (topic, topic_id)}:
            raise AnotherLogError(
                f"the view follows another log than topic {topic} with id {topic_id}; make the views anew",
                topic_id,
            )

    def apply(self, changes: Changes) -> None:
        """See `ViewWriter.apply`; what can be refused is refused before anything changes."""
        assert_sound(changes)
        for step in changes.steps:
            self.check_log(step.topic, step.topic_id)
        stale = sorted(step.partition for step in changes.steps if self._expected(step) != step.expected)
        if stale:
            raise StaleCheckpointError(tuple(stale))
        newest_ms = self._add(changes)
        if changes.steps:
            self.refused_log = None
        for step in changes.steps:
            self._take(step, newest_ms.get(step.partition))

    def _expected(self, step: Step) -> int | None:
        state = self.states.get(step.partition)
        return state.checkpoint.next_offset if state and state.checkpoint else None

    def _add(self, changes: Changes) -> dict[int, int]:
        """Sort the rows in; the greatest time of each partition among them."""
        samples = changes.samples
        label_sets = [self._label_sets.setdefault(one, one) for one in changes.label_sets]
        by_gpu: defaultdict[int, list[Row]] = defaultdict(list)
        newest_ms: dict[int, int] = {}
        for gpu, metric, label_set, time_ms, value, partition, offset in zip(
            samples.gpu.tolist(),
            samples.metric.tolist(),
            samples.label_set.tolist(),
            samples.observed_at_ms.tolist(),
            samples.value.tolist(),
            samples.partition.tolist(),
            samples.offset.tolist(),
            strict=True,
        ):
            key = EntryKey(time_ms, partition, offset, changes.metrics[metric].name)
            by_gpu[gpu].append(Row(key, value, label_sets[label_set]))
            newest_ms[partition] = max(time_ms, newest_ms.get(partition, time_ms))
        self.metrics.update((metric.name, metric) for metric in changes.metrics)
        for gpu, rows in by_gpu.items():
            gpu_id = changes.gpu_ids[gpu]
            self.histories.setdefault(gpu_id, History(gpu_id, time_of(rows[0]))).add(rows)
        return newest_ms

    def _take(self, step: Step, newest_ms: int | None) -> None:
        self.log = (step.topic, step.topic_id)
        state = self.states.get(step.partition, PartitionState(None, {}))
        times_ms = [newest_ms, state.checkpoint.applied_time_ms if state.checkpoint else None]
        checkpoint = Checkpoint(
            topic=step.topic,
            topic_id=step.topic_id,
            partition=step.partition,
            next_offset=step.next_offset,
            high_watermark=step.high_watermark,
            seen_at_ms=step.seen_at_ms,
            applied_time_ms=max((time_ms for time_ms in times_ms if time_ms is not None), default=None),
        )
        origins = {**state.origins, **{origin.source: origin for origin in step.origins}}
        self.states[step.partition] = PartitionState(checkpoint, origins)
        self.gaps.extend(step.gaps)
        self.gaps.sort(key=lambda gap: (gap.partition, gap.first))

    def drop_before(self, time_ms: int) -> None:
        """Forget rows that are older, and GPUs of which none is left."""
        for history in list(self.histories.values()):
            history.drop_before(time_ms)
            if not history.rows:
                del self.histories[history.gpu_id]

    # --- reading -------------------------------------------------------------------------------

    def status(self) -> ViewStatus:
        """As of now."""
        return ViewStatus(self.build, self.checkpoints(), list(self.gaps), self.refused_log)

    def checkpoints(self) -> Sequence[Checkpoint]:
        """In the order of their partitions."""
        states = (self.states[partition] for partition in sorted(self.states))
        return [state.checkpoint for state in states if state.checkpoint]

    def metric_uses(self) -> Sequence[MetricUse]:
        """The metrics of which rows are left, in the order of their names."""
        counts = Counter(name for history in self.histories.values() for name in history.latest)
        return [MetricUse(self.metrics[name], counts[name]) for name in sorted(counts)]

    def latest_value(self, history: History, metric_name: str) -> LatestValue:
        """The latest value of one metric that the GPU has."""
        row = history.latest[metric_name]
        return LatestValue(
            gpu_id=history.gpu_id,
            metric=self.metrics[metric_name],
            observed_at_ms=time_of(row),
            value=row.value_or_none,
            label_set=row.label_set,
        )
