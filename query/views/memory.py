"""The reference adapter: views in the memory of one process, for trials in one process and for tests.

It is meant to be right at a glance; it keeps every entry as an object and is neither small nor fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock

import attrs

from query.clock import Clock, SystemClock
from query.views.errors import GoneViewError, NoViewError, OtherBuildError, ViewUnavailableError
from query.views.log_order import moved_on
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
    RefusedLog,
    ViewStatus,
)
from query.views.series import Grid, MetricSeries
from query.views.store import SLICE_ENTRIES_MAX, AsOf, Changes, LogSlice, ViewReader, ViewWriter, Window

FORMAT_VERSION = 1


class MemoryViews:
    """One set of views; all its writers and readers share it, from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.lock = Lock()
        self.current: MemoryBuild | None = None
        """None before the first writer."""
        self.others: dict[str, MemoryBuild] = {}
        """By name: beside the current one."""
        self.kept: set[str] = set()
        """Those of them that were current."""
        self.parts: set[str] = set()
        """Those of them that are made of a part of the log."""
        self.held: set[str] = set()
        """Those that somebody says to be making."""
        self.snapshots: dict[Path, MemoryBuild] = {}
        """By where a file of it would be."""
        self._clock = clock or SystemClock()
        self._begun = 0

    def writer(self, *, projections: Mapping[str, int], retention_ms: int | None = None) -> ViewWriter:
        """A writer that follows the current build; the first one makes it.

        Raises:
            OtherBuildError: the build is of other projections.
        """
        with self.lock:
            if self.current is None:
                self.current = self.new_build(projections)
            writer = MemoryViewWriter(self, lambda: self._current_of(projections), retention_ms)
            self._current_of(projections)
            return writer

    def reader(self) -> ViewReader:
        """A reader; it finds no view before the first writer was made."""
        return MemoryViewReader(self)

    def new_build(self, projections: Mapping[str, int]) -> MemoryBuild:
        """An empty one that nobody reads. Whoever calls holds the lock."""
        self._begun += 1
        build = Build(f"{self._begun:06d}", FORMAT_VERSION, dict(projections), self._clock.wall_ms())
        return MemoryBuild(build)

    def named(self, name: str) -> MemoryBuild:
        """The build of this name; GoneViewError. Whoever calls holds the lock."""
        if self.current is not None and self.current.build.name == name:
            return self.current
        if name not in self.others:
            raise GoneViewError(f"build {name} in memory is gone; make it anew from the log")
        return self.others[name]

    def _current_of(self, projections: Mapping[str, int]) -> MemoryBuild:
        assert self.current is not None, "there is always one after the first"
        if self.current.build.projections != projections:
            raise OtherBuildError(
                "the views in memory were made by other projections; make them anew from the log",
                self.current.build,
            )
        return self.current


class MemoryViewWriter(ViewWriter):
    """See `ViewWriter`. `find` tells which build it writes to, from call to call."""

    def __init__(self, views: MemoryViews, find: Callable[[], MemoryBuild], retention_ms: int | None) -> None:
        self._lock = views.lock
        self._find: Callable[[], MemoryBuild] | None = find
        self._retention_ms = retention_ms

    @property
    def build(self) -> Build:
        with self._lock:
            return self._open().build

    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        with self._lock:
            build = self._open()
            build.check_log(topic, topic_id)
            return dict(build.states)

    def apply(self, changes: Changes) -> None:
        with self._lock:
            self._open().apply(changes)

    def refuse_log(self, refused: RefusedLog) -> None:
        with self._lock:
            self._open().refused_log = refused

    def maintain(self, now_ms: int) -> bool:
        with self._lock:
            build = self._open()
            if self._retention_ms is not None:
                build.drop_before(now_ms - self._retention_ms)
            return False

    def close(self) -> None:
        self._find = None

    def _open(self) -> MemoryBuild:
        if self._find is None:
            raise ViewUnavailableError("this writer of the views is closed; open another one")
        return self._find()


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

    def log_slice(
        self,
        gpu_id: str,
        next_offsets: AsOf,
        metric_names: Sequence[str] = (),
        *,
        limit: int = SLICE_ENTRIES_MAX,
    ) -> LogSlice:
        names = frozenset(metric_names)
        with self._lock:
            build = self._open()
            checkpoints = {one.partition: one.next_offset for one in build.checkpoints()}
            history = build.histories.get(gpu_id)
            rows = history.in_log_order(next_offsets, names) if history else []
            count = min(limit, len(rows))
            while 0 < count < len(rows) and _record(rows[count - 1]) == _record(rows[count]):
                count += 1
            has_more = count < len(rows)
            last = _record(rows[count - 1]) if has_more else None
            return LogSlice(
                entries=_slice_of(build, gpu_id, rows[:count]) if count else None,
                next_offsets=moved_on(next_offsets, checkpoints, last),
                checkpoints=checkpoints,
                topic_id=build.log and build.log[1],
                has_more=has_more,
            )

    def series(
        self, gpu_id: str, metric_names: Sequence[str], grid: Grid
    ) -> Iterator[Sequence[MetricSeries]]:
        with self._lock:
            build = self._open()
            history = build.histories.get(gpu_id)
            known = sorted(build.metrics.keys() & set(metric_names))
            found = [
                MetricSeries(build.metrics[name], history.series(name, grid) if history else ())
                for name in known
            ]
        yield found

    def as_of(self) -> AsOf:
        with self._lock:
            return {one.partition: one.next_offset for one in self._open().checkpoints()}

    def status(self) -> ViewStatus:
        with self._lock:
            return self._open().status()

    def beside(self) -> Sequence[ViewStatus]:
        with self._lock:
            views, _ = self._open_views()
            without = views.kept | views.parts
            return [one.status() for name, one in sorted(views.others.items()) if name not in without]

    def close(self) -> None:
        self._views = None

    def _open(self) -> MemoryBuild:
        return self._open_views()[1]

    def _open_views(self) -> tuple[MemoryViews, MemoryBuild]:
        if self._views is None:
            raise ViewUnavailableError("this reader of the views is closed; open another one")
        if self._views.current is None:
            raise NoViewError("there is no view yet; it comes with the first collector")
        return self._views, self._views.current


def _fits(gpu: GPU, wanted: GPUFilter) -> bool:
    asked = attrs.asdict(wanted).items()
    return all(value is None or getattr(gpu.latest, name) == value for name, value in asked)


def _record(row: Row) -> tuple[int, int]:
    return row.key.partition, row.key.offset


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
