"""What happens to a view in a random test: batches, maintenance, reopening and questions, told as plain data.

A story is made by Hypothesis, or from a seed if it is long; `Telling` lets it happen to a place and to the
oracle, and compares every answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import attrs
import pytest

from query.views.errors import StaleCheckpointError
from query.views.model import Entry, EntryKey, GPUFilter, LabelSet, LatestValue, Origin
from query.views.store import Changes, ViewReader, ViewWriter, Window
from tests.query.views.answers import bits, read, settle
from tests.query.views.changes import SEEN_MS, START_MS, TOPIC, TOPIC_ID, Feed, SampleRow, label_set
from tests.query.views.oracle import Table
from tests.query.views.place import Place

GPU_IDS = ("GPU-b", "GPU-B", "GPU-a", "GPU-ä", "GPU-b0")
METRIC_NAMES = ("POWER_USAGE", "GPU_TEMP", "power_usage", "POWER", "ÄNDERUNG", "Z")
LABEL_SETS: tuple[LabelSet, ...] = (
    label_set("host-1"),
    label_set("host-1", gpu_index=0, model_name="H100"),
    label_set("host-1", pod="a", namespace="x", container="c"),
    label_set("host-2", pod="a", namespace="x", labels=(("job", "a"),)),
    label_set("host-2", pod="a", namespace="x", labels=(("job", "b"),)),
    label_set("host-2", pod="", namespace="x", model_name="A100"),
)
FILTERS = (
    GPUFilter(),
    GPUFilter(hostname="host-1"),
    GPUFilter(hostname="host-2", namespace="x"),
    GPUFilter(model_name="H100"),
    GPUFilter(pod="a"),
    GPUFilter(pod=""),
)


@attrs.frozen
class Event:
    """One record; the numbers are places in the lists above, the time is relative to `START_MS`."""

    gpu: int
    partition: int
    time_ms: int
    label_set: int
    values: Sequence[tuple[int, float | None]]
    """Metrics and values; none: a record that gives no rows."""
    lost: int = 0
    """Offsets before it that cannot be read."""
    origin: Origin | None = None


@attrs.frozen
class Question:
    """A listing that is asked for; `after` and `as_of` choose among what there is by then."""

    gpu: int
    start_ms: int | None
    end_ms: int | None
    metrics: Sequence[int]
    after: int | None
    as_of: Sequence[int] | None
    limit: int | None


Deed = Literal["maintain", "settle", "reopen", "again", "other"]
"""Some maintenance; all of it; new writers and reader; the last batch again; the other writer takes over."""
Chapter = list[Event] | Question | Deed
"""A list of events is a batch."""


class Telling:
    """One story, as it goes."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.feed = Feed()
        self.table = Table(TOPIC)
        self.writers: list[ViewWriter] = [place.writer(), place.writer()]
        self.reader: ViewReader = place.reader()
        self.last: Changes | None = None

    def tell(self, story: Iterable[Chapter]) -> None:
        for chapter in story:
            self.happen(chapter)
        self.compare_all()
        settle(self.writers[0])
        self.compare_all()

    def happen(self, chapter: Chapter) -> None:
        if isinstance(chapter, Question):
            self.ask(chapter)
        elif chapter == "maintain":
            self.writers[0].maintain(SEEN_MS)
        elif chapter == "settle":
            settle(self.writers[0])
        elif chapter == "reopen":
            self.reopen()
        elif chapter == "other":
            self.writers.reverse()
        elif chapter == "again":
            self.apply_again()
        else:
            assert isinstance(chapter, list)
            self.apply(chapter)

    def apply(self, events: Sequence[Event]) -> None:
        rows: list[SampleRow] = []
        for event in events:
            if event.lost:
                self.feed.gap(event.lost, partition=event.partition)
            rows += self.feed.event(
                GPU_IDS[event.gpu],
                START_MS + event.time_ms,
                {METRIC_NAMES[metric]: value for metric, value in event.values},
                LABEL_SETS[event.label_set],
                partition=event.partition,
                origin=event.origin,
            )
        self.last = self.feed.batch()
        self.writers[0].apply(self.last)
        self.table.apply(rows, self.last.steps)

    def apply_again(self) -> None:
        if self.last is not None and self.last.steps:
            with pytest.raises(StaleCheckpointError):
                self.writers[0].apply(self.last)

    def reopen(self) -> None:
        for writer in self.writers:
            writer.close()
        self.reader.close()
        self.writers = [self.place.writer(), self.place.writer()]
        self.reader = self.place.reader()

    # --- comparing -----------------------------------------------------------------------------

    def ask(self, question: Question) -> None:
        """One listing, whole and then as two pages of it."""
        gpu_id = GPU_IDS[question.gpu]
        times_ms = (question.start_ms, question.end_ms)
        window = Window(*(None if time_ms is None else START_MS + time_ms for time_ms in times_ms))
        names = [METRIC_NAMES[metric] for metric in question.metrics]
        after = self._after(question.after)
        ends = self.table.as_of()
        as_of = None
        if question.as_of is not None:
            as_of = {
                at: ends[at] * share // 4 for at, share in zip(sorted(ends), question.as_of, strict=False)
            }
        limit = question.limit
        expected = self.table.entries(gpu_id, window, names, after, as_of, limit)
        found = read(self.reader, gpu_id, window, names, after=after, as_of=as_of, limit=limit)
        assert told(expected) == told(found)

    def _after(self, number: int | None) -> EntryKey | None:
        if number is None or not self.table.rows:
            return None
        return self.table.rows[number % len(self.table.rows)].key

    def compare_all(self) -> None:
        """Every query of the ports; listings unbounded."""
        table, reader = self.table, self.reader
        for wanted in FILTERS:
            assert table.gpus(wanted, None, None) == list(reader.gpus(wanted))
        assert table.gpus(FILTERS[1], "GPU-a", 2) == list(reader.gpus(FILTERS[1], after_id="GPU-a", limit=2))
        for gpu_id in GPU_IDS:
            assert table.gpu(gpu_id) == reader.gpu(gpu_id)
            assert latest_told(table.latest_of_gpu(gpu_id)) == latest_told(reader.latest_of_gpu(gpu_id))
            expected = table.entries(gpu_id, Window(), (), None, None, None)
            assert told(expected) == told(read(reader, gpu_id))
        for name in METRIC_NAMES:
            assert latest_told(table.latest_of_metric(name)) == latest_told(reader.latest_of_metric(name))
        assert table.metrics() == list(reader.metrics())
        self.compare_progress()

    def compare_progress(self) -> None:
        status = self.reader.status()
        assert self.table.as_of() == dict(self.reader.as_of())
        assert self.table.checkpoints() == list(status.checkpoints)
        assert self.table.gaps() == list(status.gaps)
        states = self.writers[1].partition_states(TOPIC, TOPIC_ID)
        assert self.table.origins() == {at: dict(state.origins) for at, state in states.items()}
        assert self.table.checkpoints() == [states[at].checkpoint for at in sorted(states)]


def told(entries: Iterable[Entry]) -> list[tuple[object, ...]]:
    """Entries, with values that tell -0.0 from 0.0."""
    return [
        (one.gpu_id, one.metric, one.label_set, one.position, one.key, bits(one.value)) for one in entries
    ]


def latest_told(values: Iterable[LatestValue]) -> list[tuple[object, ...]]:
    return [(one.gpu_id, one.metric, one.label_set, one.observed_at_ms, bits(one.value)) for one in values]
