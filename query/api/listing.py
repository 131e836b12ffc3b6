"""A listing of a GPU's entries: opened once, then read piece by piece, in the reader's thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import attrs

from query.api.cursors import Place, check_build, digest
from query.api.one_build import of_one_build
from query.api.problems import unknown_gpu
from query.views.model import EntryKey, EntrySlice, ViewStatus
from query.views.store import ViewReader, Window


@attrs.frozen
class Wanted:
    """What is asked for."""

    gpu_id: str
    window: Window | None
    """None: no time lies in it."""
    metric_names: Sequence[str] = ()
    """Sorted, each once; empty: all."""

    @property
    def digest(self) -> str:
        """Tells this question from others, in a cursor."""
        window = self.window and (self.window.start_ms, self.window.end_ms)
        return digest("telemetry", self.gpu_id, window, self.metric_names)


@attrs.frozen
class Listing:
    """An open listing, of one build, as of one time."""

    build: str
    next_offsets: Mapping[int, int]
    slices: Iterator[EntrySlice]


def open_listing(
    views: ViewReader, wanted: Wanted, place: Place | None = None, limit: int | None = None
) -> Listing:
    """Begin to read; what is asked for is known to exist then, and the first slice has been read.

    Raises:
        ProblemError: the GPU is unknown, or the place is of another build.
        ViewUnavailableError: there is no view, or it is swapped all the time.
    """

    def ask(status: ViewStatus) -> Listing:
        build = status.build.name
        if place is not None:
            check_build(place, build)
        if views.gpu(wanted.gpu_id) is None:
            raise unknown_gpu(wanted.gpu_id)
        if place is None:
            next_offsets: Mapping[int, int] = {one.partition: one.next_offset for one in status.checkpoints}
            after = None
        else:
            next_offsets = place.next_offsets
            after = EntryKey(place.time_ms, place.partition, place.offset, place.name)
        if wanted.window is None:
            return Listing(build, next_offsets, iter(()))
        slices = views.entries(
            wanted.gpu_id, wanted.window, wanted.metric_names, after=after, as_of=next_offsets, limit=limit
        )
        first = next(slices, None)
        return Listing(build, next_offsets, iter(()) if first is None else chain((first,), slices))

    return of_one_build(views, ask)


def key_at(entries: EntrySlice, index: int) -> EntryKey:
    """The place of one entry in the order."""
    return EntryKey(
        int(entries.observed_at_ms[index]),
        int(entries.partition[index]),
        int(entries.offset[index]),
        entries.metrics[entries.metric[index]].name,
    )
