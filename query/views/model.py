"""What a view holds: GPUs, the samples' surroundings, entries, and how far the log has been applied.

Values only: no store, no clock, no names of DCGM fields. Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import attrs

MetricKind = Literal["gauge", "counter"]


@attrs.frozen(order=True)
class Metric:
    """One field of the telemetry, as the view describes it; the name is its key."""

    name: str
    unit: str
    """Its unit's symbol, such as `W`; empty for a plain number."""
    kind: MetricKind
    description: str


@attrs.frozen
class LabelSet:
    """What stood around a sample: the GPU's attributes, the workload and the labels, as of that time.

    Interned: samples refer to it. Absent fields are None. Two are equal where all fields are; `labels` are
    pairs in the order of their names, so that it can be a key.
    """

    hostname: str
    gpu_index: int | None
    device: str | None
    model_name: str | None
    driver_version: str | None
    container: str | None
    pod: str | None
    namespace: str | None
    labels: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class GPU:
    """A GPU for which the view has telemetry; `id` is its uuid, `latest` its newest surroundings."""

    id: str
    latest: LabelSet
    first_seen_ms: int
    last_seen_ms: int
    metric_names: tuple[str, ...]
    """In order."""


@attrs.frozen
class GPUFilter:
    """Which GPUs are asked for, by their newest surroundings; None: any."""

    hostname: str | None = None
    model_name: str | None = None
    namespace: str | None = None
    pod: str | None = None


class EntryKey(NamedTuple):
    """The place of an entry in the order of a GPU's telemetry; compares in that order."""

    observed_at_ms: int
    partition: int
    offset: int
    metric_name: str


class Position(NamedTuple):
    """Where in the log an entry came from."""

    topic: str
    partition: int
    offset: int


@attrs.frozen
class Entry:
    """One value of one metric of one GPU at one time."""

    gpu_id: str
    metric: Metric
    observed_at_ms: int
    value: float | None
    """None for a blank: the source had a sentinel."""
    label_set: LabelSet
    position: Position

    @property
    def key(self) -> EntryKey:
        """Its place in the order."""
        return EntryKey(self.observed_at_ms, self.position.partition, self.position.offset, self.metric.name)


@attrs.frozen
class EntrySlice:
    """Some entries of one GPU, in order, as columns of the same length: cheaper than objects by far.

    `metric` and `label_set` are indexes into `metrics` and `label_sets`. A value of NaN is a blank.
    """

    gpu_id: str
    topic: str
    metrics: Sequence[Metric]
    label_sets: Sequence[LabelSet]
    observed_at_ms: Sequence[int]
    value: Sequence[float]
    metric: Sequence[int]
    label_set: Sequence[int]
    partition: Sequence[int]
    offset: Sequence[int]

    def __len__(self) -> int:
        return len(self.observed_at_ms)

    def entries(self) -> Iterator[Entry]:
        """The same as objects."""
        rows = zip(
            self.observed_at_ms,
            self.value,
            self.metric,
            self.label_set,
            self.partition,
            self.offset,
            strict=True,
        )
        for observed_at_ms, value, metric, label_set, partition, offset in rows:
            yield Entry(
                gpu_id=self.gpu_id,
                metric=self.metrics[metric],
                observed_at_ms=observed_at_ms,
                value=None if value != value else value,  # noqa: PLR0124  # NaN
                label_set=self.label_sets[label_set],
                position=Position(self.topic, partition, offset),
            )


class LatestValue(NamedTuple):
    """The newest entry of one metric of one GPU: the greatest by (time, partition, offset).

    A tuple, for a question about a fleet makes tens of thousands at once: a third of the cost.
    """

    gpu_id: str
    metric: Metric
    observed_at_ms: int
    value: float | None
    label_set: LabelSet


@attrs.frozen
class MetricUse:
    """A metric, and how many GPUs have reported it."""

    metric: Metric
    gpu_count: int


# --- how far the log has been applied --------------------------------------------------------------


@attrs.frozen
class Checkpoint:
    """How far one partition has been applied. `next_offset` is the first that has not been."""

    topic: str
    topic_id: str
    """Tells the log from another one under the same name."""
    partition: int
    next_offset: int
    high_watermark: int
    """As last seen by whoever applied."""
    seen_at_ms: int
    """When that was."""
    applied_time_ms: int | None
    """The observed time of the newest applied record; None before the first."""

    @property
    def lag_records(self) -> int:
        """Records that were readable when it was last seen, and are not applied."""
        return max(0, self.high_watermark - self.next_offset)


@attrs.frozen
class Origin:
    """Where an event came from: the last (pass, row) of a source that was applied in a partition."""

    source: str
    pass_number: int
    row: int


@attrs.frozen
class Gap:
    """Offsets of a partition that the view could not apply, `first` up to but not with `end`."""

    partition: int
    first: int
    end: int
    reason: str
    noted_at_ms: int


@attrs.frozen
class PartitionState:
    """What a collector needs to go on with a partition."""

    checkpoint: Checkpoint | None
    """None: nothing of it has been applied."""
    origins: Mapping[str, Origin]
    """By source."""


@attrs.frozen
class Build:
    """One set of views, made by one format and one set of projection versions."""

    name: str
    format_version: int
    projections: Mapping[str, int]
    """Version by name."""
    created_at_ms: int


@attrs.frozen
class RefusedLog:
    """Another log under the topic's name, of which a collector would have had to apply: nothing of it was."""

    topic_id: str
    """Its own; that of the log that is followed where that one has lost its end."""
    reason: str
    noted_at_ms: int


@attrs.frozen
class ViewStatus:
    """A build, and how far it is."""

    build: Build
    checkpoints: Sequence[Checkpoint]
    """In the order of their partitions."""
    gaps: Sequence[Gap]
    refused_log: RefusedLog | None
    """Met since the last changes were applied."""
