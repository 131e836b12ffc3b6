"""The ports of the view store: readers for the API, a writer for collectors.

They are apart so that the API cannot write. Every call blocks, and may be made from any thread, one call at
a time for each object; asyncio code calls them in threads. Adapters: in memory, SQLite, PostgreSQL; all
pass the contract suite in tests/query/views. Another engine (MongoDB, ClickHouse) plugs in by implementing
these classes: it needs a transaction that holds rows and checkpoints together, and a compare-and-set.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

from query.views.model import (
    GPU,
    Build,
    EntryKey,
    EntrySlice,
    Gap,
    GPUFilter,
    LabelSet,
    LatestValue,
    Metric,
    MetricUse,
    Origin,
    PartitionState,
    RefusedLog,
    ViewStatus,
)
from query.views.series import Grid, MetricSeries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLICE_ENTRIES_MAX = 10_000
"""Entries in one slice at most; no read transaction is held longer than one slice."""


# --- what a collector hands over -----------------------------------------------------------------


@attrs.frozen(eq=False)
class SampleColumns:
    """Samples as numpy columns of one length, in the order of the log within each partition.

    `gpu`, `metric` and `label_set` (int32) are indexes into the lists of the `Changes`; `observed_at_ms` and
    `offset` are int64, `partition` int32, `value` float64 with NaN for a blank.
    """

    gpu: NDArray[np.int32]
    metric: NDArray[np.int32]
    label_set: NDArray[np.int32]
    observed_at_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset)


@attrs.frozen
class Step:
    """The move of one partition's checkpoint: what must stand there, and what shall.

    A batch begins at the stored checkpoint. Where the log could not give what stands there, the step carries
    the gap from there to where the batch begins.
    """

    topic: str
    topic_id: str
    partition: int
    expected: int | None
    """The stored next offset that this follows; None: there is no checkpoint yet."""
    next_offset: int
    high_watermark: int
    seen_at_ms: int
    origins: Sequence[Origin] = ()
    """The last of each source in the batch."""
    gaps: Sequence[Gap] = ()


@attrs.frozen(eq=False)
class Changes:
    """What the projections made of one batch: rows, the dictionaries that they refer to, and the steps.

    First and last seen, each GPU's newest surroundings and the latest values follow from the columns; the
    store merges them, so that a batch that comes late changes no newer value.
    """

    gpu_ids: Sequence[str]
    metrics: Sequence[Metric]
    label_sets: Sequence[LabelSet]
    samples: SampleColumns
    steps: Sequence[Step]


class ViewWriter(ABC):
    """Applies changes to the current build. Several, in several processes, may write at once."""

    @property
    @abstractmethod
    def build(self) -> Build:
        """The build that is written now."""

    @abstractmethod
    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        """What has been applied, by partition; partitions without a checkpoint are left out.

        Raises:
            AnotherLogError: the view follows a topic of another id.
        """

    @abstractmethod
    def apply(self, changes: Changes) -> None:
        """Rows and checkpoints in one transaction: all of it is stored and durable, or nothing is.

        Raises:
            StaleCheckpointError: a partition's checkpoint is not the expected one: somebody else has
                applied. Read its state again, and go on from there.
            AnotherLogError: the view follows a topic of another id.
            ViewUnavailableError: the store cannot be reached or written now; try again.
        """

    @abstractmethod
    def refuse_log(self, refused: RefusedLog) -> None:
        """Note, durably, that another log was met; the newest note stays until changes are applied.

        Raises:
            ViewUnavailableError: the store cannot be reached or written now.
        """

    @abstractmethod
    def maintain(self, now_ms: int) -> bool:
        """Do a bounded piece of background work (compaction, retention); whether there is more.

        Safe to call from any number of processes: one lease lets one of them work at a time.
        """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; a second time does nothing."""


# --- what the API reads ---------------------------------------------------------------------------


@attrs.frozen
class Window:
    """A span of time, both ends inclusive; None: open."""

    start_ms: int | None = None
    end_ms: int | None = None


AsOf = Mapping[int, int]
"""Next offset by partition: a listing as of this has the entries below it, and none of other partitions."""


@attrs.frozen(eq=False)
class LogSlice:
    """Some entries of a GPU in the order of the log, and where to go on."""

    entries: EntrySlice | None
    """None: there are none."""
    next_offsets: AsOf
    """What was asked for, moved on: below it nothing is missing. It never moves back, though the view may
    have been made anew and not be as far yet."""
    checkpoints: AsOf
    """How far the view was applied at that moment."""
    topic_id: str | None
    """The log that the view follows; None: none yet."""
    has_more: bool
    """Whether the view may have had more: ask again from `next_offsets`. False: it had not."""


class GPURepository(ABC):
    """GPUs and what is known of them. Raises ViewUnavailableError before a build exists, as all readers."""

    @abstractmethod
    def gpus(
        self, wanted: GPUFilter | None = None, *, after_id: str | None = None, limit: int | None = None
    ) -> Sequence[GPU]:
        """Those GPUs of which a sample is left, in the order of their ids."""

    @abstractmethod
    def gpu(self, gpu_id: str) -> GPU | None:
        """One GPU; None where it is unknown or has no sample left."""

    @abstractmethod
    def latest_of_gpu(self, gpu_id: str) -> Sequence[LatestValue]:
        """The latest value of each of its metrics, in the order of the names."""

    @abstractmethod
    def latest_of_metric(self, metric_name: str) -> Sequence[LatestValue]:
        """The latest value of one metric of every GPU, in the order of their ids."""

    @abstractmethod
    def metrics(self) -> Sequence[MetricUse]:
        """The metrics that were seen, in the order of their names."""


class TelemetryRepository(ABC):
    """The samples themselves."""

    @abstractmethod
    def entries(
        self,
        gpu_id: str,
        window: Window = Window(),  # frozen
        metric_names: Sequence[str] = (),
        *,
        after: EntryKey | None = None,
        as_of: AsOf | None = None,
        limit: int | None = None,
    ) -> Iterator[EntrySlice]:
        """A GPU's entries in their order, in slices of up to `SLICE_ENTRIES_MAX`, read as they are asked for.

        `metric_names` empty: all. `after` excludes everything up to and with that place. Memory and time to
        the first slice do not grow with what the GPU has.
        """

    @abstractmethod
    def log_slice(
        self,
        gpu_id: str,
        next_offsets: AsOf,
        metric_names: Sequence[str] = (),
        *,
        limit: int = SLICE_ENTRIES_MAX,
    ) -> LogSlice:
        """A GPU's entries in the order of the log: (partition, offset, name), from these offsets on.

        A partition that is left out is read from its beginning. All of it is of one moment. The entries of a
        record are never parted: there are as many as the limit where the view has them, and the rest of the
        last one's record; or fewer, and more to come, where few metrics are wanted among many.
        """

    @abstractmethod
    def series(
        self, gpu_id: str, metric_names: Sequence[str], grid: Grid
    ) -> Iterator[Sequence[MetricSeries]]:
        """What a GPU's entries of these metrics come to in each step of a grid, in slices, at least one.

        A slice has each metric that the view knows, in the order of their names, with steps that follow those
        of the slice before; there may be none. It is read as it is asked for, in bounded time. Memory grows
        with the grid's steps, and not with the entries.
        """

    @abstractmethod
    def as_of(self) -> AsOf:
        """The view's checkpoints now."""


class ViewReader(GPURepository, TelemetryRepository):
    """Everything that is read, always of the build that is current when it is asked."""

    @abstractmethod
    def status(self) -> ViewStatus:
        """The build, its checkpoints, its gaps, and another log that was refused."""

    @abstractmethod
    def beside(self) -> Sequence[ViewStatus]:
        """Builds that are made beside the current one, and how far they are, in the order of their names.

        Those whose making was interrupted are among them; those that cannot be read are not.
        """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; a second time does nothing."""
