"""What a live stream has to tell next, found in the view: one question and its answer at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from query.api.problems import unknown_gpu
from query.api.stream_events import BehindNote, GapNote, StreamEvent, note, record_events
from query.api.stream_place import StreamPlace, log_mark
from query.views.store import AsOf, ViewReader

ROUND_ENTRIES: Final = 512
"""Entries of one round, about: 250 KB of JSON."""

_ANOTHER_LOG: Final = "another log: nothing of it has been sent, and it goes on from here"
_EXPIRED: Final = "nothing from before is left: entries in between may have been removed"
_BEHIND: Final = "the view is not as far as this id; it goes on when it is"


@attrs.frozen
class Round:
    """What to send, and where the stream is then."""

    events: Sequence[StreamEvent]
    place: StreamPlace
    is_behind: bool
    """Whether the reader is ahead of the view, and has been told."""
    has_more: bool


@attrs.frozen
class Wanted:
    """What a reader follows."""

    gpu_id: str
    metric_names: Sequence[str] = ()
    """Empty: all."""


def begin(
    views: ViewReader, wanted: Wanted, resumed: StreamPlace | None
) -> tuple[StreamPlace, Sequence[StreamEvent]]:
    """Where a stream begins (at the view's end, or where the reader was), and what is told first.

    Raises:
        ProblemError: there is no telemetry of this GPU, and none that the view has still to reach.
    """
    checkpoints = views.status().checkpoints
    ends = {one.partition: one.next_offset for one in checkpoints}
    mark = log_mark(checkpoints[0].topic_id) if checkpoints else None
    is_ahead = resumed is not None and resumed.is_ahead_of(ends)
    is_awaited = is_ahead and resumed is not None and resumed.log is not None and mark in {None, resumed.log}
    if not is_awaited and views.gpu(wanted.gpu_id) is None:
        raise unknown_gpu(wanted.gpu_id)
    if resumed is None:
        return StreamPlace(mark, ends), []
    place = attrs.evolve(resumed, log=resumed.log or mark)
    return place, [] if is_ahead or place.log != mark else _expired(views, wanted, place)


def next_round(views: ViewReader, wanted: Wanted, place: StreamPlace, *, was_behind: bool) -> Round:
    """What has come since; gaps that the view has noted among it are told before it."""
    found = views.log_slice(wanted.gpu_id, place.next_offsets, wanted.metric_names, limit=ROUND_ENTRIES)
    if found.topic_id is None:  # a view that was begun anew, and has nothing of any log yet
        return Round([], place, was_behind, has_more=False)
    mark = log_mark(found.topic_id)
    if place.log != mark:
        moved = StreamPlace(mark, found.checkpoints)
        told = note(GapNote(None, None, None, _ANOTHER_LOG))
        return Round([told, StreamEvent(b"id: %b\n\n" % moved.text.encode(), moved)], moved, False, False)
    is_behind = place.is_ahead_of(found.checkpoints)
    events = list(_gaps(views, place.next_offsets, found.next_offsets))
    if is_behind and not was_behind:
        ends = {str(partition): offset for partition, offset in sorted(found.checkpoints.items())}
        events.append(note(BehindNote(place.text, ends, _BEHIND)))
    if found.entries is not None:
        events += record_events(found.entries, place, found.checkpoints)
    return Round(
        events, attrs.evolve(place, next_offsets=found.next_offsets), is_behind, has_more=found.has_more
    )


def _expired(views: ViewReader, wanted: Wanted, place: StreamPlace) -> Sequence[StreamEvent]:
    """For a reader that comes back: what the view may have removed since, as its retention asks.

    Where an entry from before the place is left, nothing from after it has gone, for the oldest go first.
    """
    oldest = list(views.entries(wanted.gpu_id, limit=1))
    if not oldest:
        return []
    partition, offset = int(oldest[0].partition[0]), int(oldest[0].offset[0])
    first = place.next_offsets.get(partition, 0)
    return [] if offset <= first else [note(GapNote(partition, first, offset, _EXPIRED))]


def _gaps(views: ViewReader, before: AsOf, after: AsOf) -> Iterator[StreamEvent]:
    """The gaps of the view that lie between two places."""
    for gap in views.status().gaps:
        first = max(gap.first, before.get(gap.partition, 0))
        end = min(gap.end, after.get(gap.partition, 0))
        if first < end:
            yield note(GapNote(gap.partition, first, end, gap.reason))
