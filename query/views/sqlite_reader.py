"""The SQLite adapter's reader. It sees the build that CURRENT names when it is asked, and cannot write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from query.views.fleet import Fleet
from query.views.model import GPU, EntryKey, EntrySlice, GPUFilter, LatestValue, MetricUse, ViewStatus
from query.views.selection import Question
from query.views.series import Grid, MetricSeries
from query.views.sqlite_entries import slices
from query.views.sqlite_folder import SQLiteFolder
from query.views.sqlite_log_order import LogOrder
from query.views.sqlite_pool import Reading, ReadPool
from query.views.sqlite_progress import read_next_offsets, read_status
from query.views.sqlite_series import series_slices
from query.views.store import SLICE_ENTRIES_MAX, AsOf, LogSlice, ViewReader, Window


class SQLiteViewReader(ViewReader):
    """See `ViewReader`; safe in any threads."""

    def __init__(self, folder: SQLiteFolder) -> None:
        self._folder = folder
        self._pool = ReadPool(folder)
        self._log_order = LogOrder()

    # --- GPUs ----------------------------------------------------------------------------------

    def gpus(
        self, wanted: GPUFilter | None = None, *, after_id: str | None = None, limit: int | None = None
    ) -> Sequence[GPU]:
        with self._moment() as reading:
            return Fleet.read(reading).gpus(wanted, after_id, limit)

    def gpu(self, gpu_id: str) -> GPU | None:
        with self._moment() as reading:
            number = reading.names.gpu(reading.connection, gpu_id)
            if number is None:
                return None
            return Fleet.read(reading, gpu=number).gpu_of(gpu_id)

    def latest_of_gpu(self, gpu_id: str) -> Sequence[LatestValue]:
        with self._moment() as reading:
            number = reading.names.gpu(reading.connection, gpu_id)
            if number is None:
                return []
            return Fleet.read(reading, gpu=number).latest()

    def latest_of_metric(self, metric_name: str) -> Sequence[LatestValue]:
        with self._moment() as reading:
            return Fleet.read(reading, metric_name=metric_name).latest()

    def metrics(self) -> Sequence[MetricUse]:
        with self._moment() as reading:
            return Fleet.read(reading).metric_uses()

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
        question = Question(gpu_id, window, frozenset(metric_names), after, as_of, limit)
        with self._pool.reading() as reading:  # for all slices, whatever becomes current meanwhile
            yield from slices(reading, question)

    def log_slice(
        self,
        gpu_id: str,
        next_offsets: AsOf,
        metric_names: Sequence[str] = (),
        *,
        limit: int = SLICE_ENTRIES_MAX,
    ) -> LogSlice:
        with self._moment() as reading:
            return self._log_order.slice(reading, gpu_id, next_offsets, frozenset(metric_names), limit)

    def series(
        self, gpu_id: str, metric_names: Sequence[str], grid: Grid
    ) -> Iterator[Sequence[MetricSeries]]:
        with self._pool.reading() as reading:  # for all slices, as above
            yield from series_slices(reading, gpu_id, frozenset(metric_names), grid)

    def as_of(self) -> AsOf:
        with self._moment() as reading:
            return read_next_offsets(reading.connection)

    def status(self) -> ViewStatus:
        with self._moment() as reading:
            return read_status(reading.connection, reading.build)

    def beside(self) -> Sequence[ViewStatus]:
        with self._pool.reading() as reading:
            current = reading.build.name
        return self._folder.beside(current)

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _moment(self) -> Iterator[Reading]:
        with self._pool.reading() as reading, reading.snapshot():
            yield reading
