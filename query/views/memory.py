"""The reference adapter: views in the memory of one process, for trials in one process and for tests.

It is meant to be right at a glance; it keeps every entry as an object and is neither small nor fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from threading import Lock

import attrs

from query.clock import Clock, SystemClock
from query.views.errors import BadViewsError, NoViewError, ViewUnavailableError
from query.views.memory_build import MemoryBuild, Row
from query.views.model import (
    GPU,
    Build,
    EntryKey,
    EntrySlice,
    GPUFilter,
    LatestValue,
    MetricUse,
    PartitionState,
    ViewStatus,
)
from query.views.store import SLICE_ENTRIES_MAX, AsOf, Changes, ViewReader, ViewWriter, Window

FORMAT_VERSION = 1


class MemoryViews:
    """One set of views; all its writers and readers share it, from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.lock = Lock()
        self.current: MemoryBuild | None = None
        """None before the first writer."""
        self._clock = clock or SystemClock()

    def writer(self, *, projections: Mapping[str, int], retention_ms: int | None = None) -> ViewWriter:
        """A writer; the first one makes the build.

        Raises:
            BadViewsError: the build is of other projections.
        """
        with self.lock:
            if self.current is None:
                build = Build("000001", FORMAT_VERSION, dict(projections), self._clock.wall_ms())
                self.current = MemoryBuild(build)
            if self.current.build.projections != projections:
                raise BadViewsError(
                    "the views in memory were made by other projections; start the process anew"
                )
            return MemoryViewWriter(self, self.current, retention_ms)

    def reader(self) -> ViewReader:
        """A reader; it finds no view before the first writer was made."""
        return MemoryViewReader(self)


class MemoryViewWriter(ViewWriter):
    """See `ViewWriter`."""

    def __init__(self, views: MemoryViews, build: MemoryBuild, retention_ms: int | None) -> None:
        self._lock = views.lock
        self._build: MemoryBuild | None = build
        self._retention_ms = retention_ms

    @property
    def build(self) -> Build:
        return self._open().build

    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        with self._lock:
            build = self._open()
            build.check_log(topic, topic_id)
            return dict(build.states)

    def apply(self, changes: Changes) -> None:
        with self._lock:
            self._open().apply(changes)

    def maintain(self, now_ms: int) -> bool:
        with self._lock:
            build = self._open()
            if self._retention_ms is not None:
                build.drop_before(now_ms - self._retention_ms)
            return False

    def close(self) -> None:
        self._build = None

    def _open(self) -> MemoryBuild:
        if self._build is None:
            raise ViewUnavailableError("this writer of the views is closed; open another one")
        return self._build


class MemoryViewReader(ViewReader):
    """See `ViewReader`."""

    def __init__(self, views: MemoryViews) -> None:
        self._views: MemoryViews | None = views
        self._lock = views.lock

    # --- GPUs ----------------------------------------------------------------------------------

    def gpus(
        self, wanted: GPUFilter | None = None, *, after_id: str | None = None, limit: int | None = None
    ) -> Sequence[GPU]:
        with self._lock:
            histories = self._open().histories
            ids = (gpu_id for gpu_id in sorted(histories) if after_id is None or gpu_id > after_id)
            found = (histories[gpu_id].gpu for gpu_id in ids)
            return list(islice((gpu for gpu in found if wanted is None or _fits(gpu, wanted)), limit))

    def gpu(self, gpu_id: str) -> GPU | None:
        with self._lock:
            history = self._open().histories.get(gpu_id)
            return None if history is None else history.gpu

    def latest_of_gpu(self, gpu_id: str) -> Sequence[LatestValue]:
        with self._lock:
            build = self._open()
            history = build.histories.get(gpu_id)
            return [build.latest_value(history, name) for name in sorted(history.latest)] if history else []

    def latest_of_metric(self, metric_name: str) -> Sequence[LatestValue]:
        with self._lock:
            build = self._open()
            histories = (history for _, history in sorted(build.histories.items()))
            return [
                build.latest_value(history, metric_name)
                for history in histories
                if metric_name in history.latest
            ]

    def metrics(self) -> Sequence[MetricUse]:
        with self._lock:
            return self._open().metric_uses()

    # --- entries -------------------------------------------------------------------------------

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
        with self._lock:
            build = self._open()  # for all slices, whatever becomes current meanwhile
        names = frozenset(metric_names)
        while True:
            count = SLICE_ENTRIES_MAX if limit is None else min(limit, SLICE_ENTRIES_MAX)
            with self._lock:
                self._open()
                history = build.histories.get(gpu_id)
                selected = history.select(window, names, after, as_of) if history else ()
                rows = list(islice(selected, count))
                entry_slice = _slice_of(build, gpu_id, rows) if rows else None
            if entry_slice is None:
                return
            yield entry_slice
            after = rows[-1].key
            limit = None if limit is None else limit - len(rows)

    def as_of(self) -> AsOf:
        with self._lock:
            return {one.partition: one.next_offset for one in self._open().checkpoints()}

    def status(self) -> ViewStatus:
        with self._lock:
            build = self._open()
            return ViewStatus(build.build, build.checkpoints(), list(build.gaps))

    def close(self) -> None:
        self._views = None

    def _open(self) -> MemoryBuild:
        if self._views is None:
            raise ViewUnavailableError("this reader of the views is closed; open another one")
        if self._views.current is None:
            raise NoViewError("there is no view yet; it comes with the first collector")
        return self._views.current


def _fits(gpu: GPU, wanted: GPUFilter) -> bool:
    asked = attrs.asdict(wanted).items()
    return all(value is None or getattr(gpu.latest, name) == value for name, value in asked)


def _slice_of(build: MemoryBuild, gpu_id: str, rows: Sequence[Row]) -> EntrySlice:
    assert build.log is not None, "rows come with steps"
    metrics = {name: at for at, name in enumerate(dict.fromkeys(row.key.metric_name for row in rows))}
    label_sets = {one: at for at, one in enumerate(dict.fromkeys(row.label_set for row in rows))}
    return EntrySlice(
        gpu_id=gpu_id,
        topic=build.log[0],
        metrics=[build.metrics[name] for name in metrics],
        label_sets=list(label_sets),
        observed_at_ms=[row.key.observed_at_ms for row in rows],
        value=[row.value for row in rows],
        metric=[metrics[row.key.metric_name] for row in rows],
        label_set=[label_sets[row.label_set] for row in rows],
        partition=[row.key.partition for row in rows],
        offset=[row.key.offset for row in rows],
    )


_shared: dict[str, MemoryViews] = {}
_shared_lock = Lock()


def shared_views(name: str) -> MemoryViews:
    """The views of that name, made on first use; they live as long as the process."""
    with _shared_lock:
        return _shared.setdefault(name, MemoryViews())
