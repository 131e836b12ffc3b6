"""The reader of views over a database. It sees the build that is current when it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from query.views.database import ViewDatabase
from query.views.entries import slices
from query.views.fleet import Fleet
from query.views.log_slices import LogOrder
from query.views.model import GPU, EntryKey, EntrySlice, GPUFilter, LatestValue, MetricUse, ViewStatus
from query.views.selection import Question
from query.views.series import Grid, MetricSeries
from query.views.series_parts import series_slices
from query.views.store import SLICE_ENTRIES_MAX, AsOf, LogSlice, ViewReader, Window


class BlockViewReader(ViewReader):
    """See `ViewReader`; safe in any threads."""

    def __init__(self, database: ViewDatabase) -> None:
        self._database = database
        self._log_order = LogOrder()

    # --- GPUs ----------------------------------------------------------------------------------

    def gpus(
        self, wanted: GPUFilter | None = None, *, after_id: str | None = None, limit: int | None = None
    ) -> Sequence[GPU]:
        with self._database.reading() as reading, reading.moment() as moment:
            return Fleet.read(moment, reading.names).gpus(wanted, after_id, limit)

    def gpu(self, gpu_id: str) -> GPU | None:
        with self._database.reading() as reading, reading.moment() as moment:
            number = reading.names.gpu(moment, gpu_id)
            if number is None:
                return None
            return Fleet.read(moment, reading.names, gpu=number).gpu_of(gpu_id)

    def latest_of_gpu(self, gpu_id: str) -> Sequence[LatestValue]:
        with self._database.reading() as reading, reading.moment() as moment:
            number = reading.names.gpu(moment, gpu_id)
            if number is None:
                return []
            return Fleet.read(moment, reading.names, gpu=number).latest()

    def latest_of_metric(self, metric_name: str) -> Sequence[LatestValue]:
        with self._database.reading() as reading, reading.moment() as moment:
            return Fleet.read(moment, reading.names, metric_name=metric_name).latest()

    def metrics(self) -> Sequence[MetricUse]:
        with self._database.reading() as reading, reading.moment() as moment:
            return Fleet.read(moment, reading.names).metric_uses()

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
        with self._database.reading() as reading:  # for all slices, whatever becomes current meanwhile
            yield from slices(reading, question)

    def log_slice(
        self,
        gpu_id: str,
        next_offsets: AsOf,
        metric_names: Sequence[str] = (),
        *,
        limit: int = SLICE_ENTRIES_MAX,
    ) -> LogSlice:
        with self._database.reading() as reading:
            return self._log_order.slice(reading, gpu_id, next_offsets, frozenset(metric_names), limit)

    def series(
        self, gpu_id: str, metric_names: Sequence[str], grid: Grid
    ) -> Iterator[Sequence[MetricSeries]]:
        with self._database.reading() as reading:  # for all slices, as above
            yield from series_slices(reading, gpu_id, frozenset(metric_names), grid)

    # --- how far it is -------------------------------------------------------------------------

    def as_of(self) -> AsOf:
        return self._database.as_of()

    def status(self) -> ViewStatus:
        return self._database.status()

    def beside(self) -> Sequence[ViewStatus]:
        return self._database.beside()

    def close(self) -> None:
        self._database.close()
