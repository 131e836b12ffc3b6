"""What every store must do for those who apply. A subclass gives the fixture `place`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest

from query.views.errors import AnotherLogError, BadViewsError, StaleCheckpointError, ViewUnavailableError
from query.views.model import Checkpoint, Origin, PartitionState, RefusedLog
from query.views.store import ViewReader, ViewWriter
from tests.query.views.answers import entries_of, read, settle
from tests.query.views.changes import (
    BUSY,
    POWER,
    SEEN_MS,
    START_MS,
    TEMPERATURE,
    TOPIC,
    TOPIC_ID,
    Feed,
    SampleRow,
    changes_of,
)
from tests.query.views.place import PROJECTIONS, Place


def checkpoint(partition: int, next_offset: int, applied_time_ms: int | None, **fields: Any) -> Checkpoint:
    seen = Checkpoint(TOPIC, TOPIC_ID, partition, next_offset, next_offset, SEEN_MS, applied_time_ms)
    return attrs.evolve(seen, **fields)


def everything(reader: ViewReader) -> tuple[object, ...]:
    """All that a reader can tell, to be compared with itself."""
    gpus = list(reader.gpus())
    return (
        gpus,
        [list(reader.latest_of_gpu(gpu.id)) for gpu in gpus],
        [read(reader, gpu.id) for gpu in gpus],
        list(reader.metrics()),
        reader.status(),
        dict(reader.as_of()),
    )


class CheckpointContract:
    def test_there_is_no_view_before_the_first_writer(self, place: Place) -> None:
        """A reader may come first: it is refused until there is a view, and works from then on."""
        reader = place.reader()
        for ask in (
            reader.gpus,
            reader.metrics,
            reader.as_of,
            reader.status,
            reader.beside,
            lambda: reader.gpu("gpu-a"),
            lambda: reader.latest_of_gpu("gpu-a"),
            lambda: reader.latest_of_metric(POWER.name),
            lambda: list(reader.entries("gpu-a")),
        ):
            with pytest.raises(ViewUnavailableError):
                ask()
        place.writer()
        assert [] == list(reader.gpus())

    def test_an_empty_view_answers(self, place: Place) -> None:
        """With nothing, and with the build that it is."""
        writer, reader = place.writer(), place.reader()
        assert ([], [], []) == (list(reader.gpus()), list(reader.metrics()), read(reader, "gpu-a"))
        assert reader.gpu("gpu-a") is None
        assert ([], []) == (list(reader.latest_of_gpu("gpu-a")), list(reader.latest_of_metric(POWER.name)))
        assert ({}, {}) == (dict(reader.as_of()), dict(writer.partition_states(TOPIC, TOPIC_ID)))
        status = reader.status()
        assert (writer.build, [], []) == (status.build, list(status.checkpoints), list(status.gaps))
        assert PROJECTIONS == status.build.projections
        assert not writer.maintain(SEEN_MS)

    def test_checkpoints_move_with_the_rows(self, place: Place) -> None:
        """For each partition: the next offset, what was seen of its end, the newest time applied."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS + 7, {POWER.name: 1.0}, partition=2)
        feed.event("gpu-b", START_MS + 3, {POWER.name: 1.0}, partition=0)
        feed.event("gpu-b", START_MS + 4, {POWER.name: 1.0}, partition=0)
        writer.apply(feed.batch(high_watermarks={0: 9}))
        first = [checkpoint(0, 2, START_MS + 4, high_watermark=9), checkpoint(2, 1, START_MS + 7)]
        assert first == list(reader.status().checkpoints)
        assert [7, 0] == [one.lag_records for one in reader.status().checkpoints]
        feed.event("gpu-b", START_MS + 1, {POWER.name: 1.0}, partition=0)
        writer.apply(feed.batch(seen_at_ms=SEEN_MS + 1))
        second = [checkpoint(0, 3, START_MS + 4, seen_at_ms=SEEN_MS + 1), first[1]]
        assert second == list(reader.status().checkpoints)
        assert {0: 3, 2: 1} == dict(reader.as_of())
        states = {one.partition: PartitionState(one, {}) for one in second}
        assert states == dict(writer.partition_states(TOPIC, TOPIC_ID))

    def test_records_without_rows_move_checkpoints(self, place: Place) -> None:
        """Poison and dropped records are passed too; the time of the newest row stays."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.rowless(3)
        writer.apply(feed.batch())
        assert [checkpoint(0, 3, None)] == list(reader.status().checkpoints)
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        feed.rowless(1)
        writer.apply(feed.batch())
        assert [checkpoint(0, 5, START_MS)] == list(reader.status().checkpoints)

    def test_nothing_is_applied_for_nothing(self, place: Place) -> None:
        """No rows and no steps change no answer."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        before = everything(reader)
        writer.apply(changes_of([], []))
        assert before == everything(reader)

    @pytest.mark.parametrize("settled", [False, True])
    def test_a_batch_that_was_applied_is_refused(self, place: Place, settled: bool) -> None:
        """Whatever of it is new: nothing of it is visible, the refused partitions are told."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        for partition in (0, 1, 2):
            feed.event("gpu-a", START_MS, {POWER.name: partition}, partition=partition)
        applied = feed.batch()
        writer.apply(applied)
        if settled:
            settle(writer)
        before = everything(reader)
        with pytest.raises(StaleCheckpointError) as refused:
            writer.apply(applied)
        assert (0, 1, 2) == refused.value.partitions
        feed.event("gpu-new", START_MS, {"DCGM_FI_NEW": 1.0}, BUSY, partition=1)
        feed.event("gpu-a", START_MS + 1, {POWER.name: 1.0}, BUSY, partition=5)
        batch = feed.batch()
        stale = [step for step in applied.steps if step.partition == 2]
        with pytest.raises(StaleCheckpointError) as refused:
            writer.apply(attrs.evolve(batch, steps=[*batch.steps, *stale]))
        assert (2,) == refused.value.partitions
        assert before == everything(reader)
        writer.apply(batch)
        assert {0: 1, 1: 2, 2: 1, 5: 1} == dict(reader.as_of())

    @pytest.mark.parametrize("expected", [None, 0, 2, 4])
    def test_the_expected_checkpoint_must_stand_there(self, place: Place, expected: int | None) -> None:
        """None is expected of a partition without one, and nothing else; elsewhere exactly the offset."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        for n in range(3):
            feed.event("gpu-a", START_MS + n, {POWER.name: n})
        writer.apply(feed.batch())
        feed.rowless(4)
        batch = feed.batch()
        wrong = [attrs.evolve(step, expected=expected) for step in batch.steps]
        with pytest.raises(StaleCheckpointError):
            writer.apply(attrs.evolve(batch, steps=wrong))
        for beginning in (0, 3):
            other = [attrs.evolve(step, partition=9, expected=beginning) for step in batch.steps]
            with pytest.raises(StaleCheckpointError):
                writer.apply(attrs.evolve(batch, steps=other))
        assert {0: 3} == dict(reader.as_of())

    def test_another_log_is_refused(self, place: Place) -> None:
        """Another id under the same name, or another name: nothing is told and nothing applied."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        before = everything(reader)
        for other in (Feed(topic_id="log-b"), Feed("other.telemetry", TOPIC_ID)):
            other.event("gpu-b", START_MS, {POWER.name: 1.0}, partition=4)
            with pytest.raises(AnotherLogError) as refusal:
                writer.partition_states(other.topic, other.topic_id)
            assert other.topic_id == refusal.value.topic_id
            with pytest.raises(AnotherLogError):
                writer.apply(other.batch())
        assert before == everything(reader)
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())

    def test_a_note_of_another_log(self, place: Place) -> None:
        """The newest stays, for every reader, until changes are applied; it changes nothing else."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        assert reader.status().refused_log is None
        before = everything(reader)
        writer.refuse_log(RefusedLog("log-b", "it is another log", SEEN_MS))
        newest = RefusedLog("log-c", "it is yet another log", SEEN_MS + 1)
        place.writer().refuse_log(newest)
        other = Feed(topic_id="log-b")
        other.event("gpu-b", START_MS, {POWER.name: 1.0}, partition=4)
        with pytest.raises(AnotherLogError):
            writer.apply(other.batch())
        writer.apply(changes_of([], []))
        assert newest == reader.status().refused_log == place.reader().status().refused_log
        assert attrs.evolve(reader.status(), refused_log=None) in before
        assert before[:-2] == everything(reader)[:-2]
        stale = Feed()
        stale.event("gpu-a", START_MS, {POWER.name: 1.0})
        with pytest.raises(StaleCheckpointError):
            writer.apply(stale.batch())
        assert newest == reader.status().refused_log
        feed.rowless(1)
        writer.apply(feed.batch())
        assert reader.status().refused_log is None

    def test_a_batch_may_carry_gaps(self, place: Place) -> None:
        """They are stored with the checkpoint, with their reasons, and told in order."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.rowless(1, partition=1)
        second = feed.gap(5, partition=1)
        feed.event("gpu-a", START_MS, {POWER.name: 1.0}, partition=1)
        writer.apply(feed.batch())
        first = feed.gap(2, partition=0, reason="retained", noted_at_ms=SEEN_MS + 5)
        third = feed.gap(1, partition=1)
        rows = feed.event("gpu-a", START_MS + 1, {POWER.name: 1.0}, partition=1)
        writer.apply(feed.batch())
        settle(writer)
        assert [first, second, third] == list(reader.status().gaps)
        assert {0: 2, 1: 9} == dict(reader.as_of())
        assert [0, 1] == [one.partition for one in reader.status().checkpoints]
        assert [8] == [row.offset for row in rows]

    def test_a_refused_batch_leaves_no_gap(self, place: Place) -> None:
        """Gaps travel with their step, or not at all."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.rowless(1)
        writer.apply(feed.batch())
        feed.gap(3)
        batch = feed.batch()
        writer.apply(batch)
        with pytest.raises(StaleCheckpointError):
            writer.apply(batch)
        assert 1 == len(reader.status().gaps)

    def test_origins_are_kept_by_partition_and_source(self, place: Place) -> None:
        """The last of each; a batch replaces those that it names, and no others."""
        feed, writer = Feed(), place.writer()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0}, origin=Origin("csv", 1, 5))
        feed.event("gpu-a", START_MS, {POWER.name: 1.0}, origin=Origin("sim", 9, 0))
        feed.event("gpu-b", START_MS, {POWER.name: 1.0}, partition=1, origin=Origin("csv", 1, 9))
        writer.apply(feed.batch())
        feed.event("gpu-a", START_MS, {POWER.name: 1.0}, origin=Origin("csv", 2, 0))
        writer.apply(feed.batch())
        found = place.writer().partition_states(TOPIC, TOPIC_ID)
        assert {"csv": Origin("csv", 2, 0), "sim": Origin("sim", 9, 0)} == dict(found[0].origins)
        assert {"csv": Origin("csv", 1, 9)} == dict(found[1].origins)

    def test_what_does_not_fit_together_is_a_bug(self, place: Place) -> None:
        """Rows beyond their step, or without one, are refused before anything is written."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        rows = feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        (step,) = feed.batch().steps
        later = attrs.evolve(rows[0], offset=1)
        elsewhere = attrs.evolve(rows[0], partition=1)
        for wrong in ([later], [elsewhere], [rows[0], elsewhere]):
            with pytest.raises(AssertionError):
                writer.apply(changes_of(wrong, [step]))
        with pytest.raises(AssertionError):
            writer.apply(changes_of(rows, [step, step]))
        assert ([], {}) == (list(reader.gpus()), dict(reader.as_of()))


class WriterContract:
    @pytest.fixture
    def restless(self) -> Iterator[None]:
        """Threads take turns all the time."""
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        yield
        sys.setswitchinterval(interval_s)

    def test_views_outlive_their_writers(self, place: Place) -> None:
        """Another writer and another reader find what was applied, in the same build."""
        feed, writer = Feed(), place.writer()
        rows = feed.event("gpu-a", START_MS, {POWER.name: 1.0}, BUSY, origin=Origin("csv", 1, 5))
        writer.apply(feed.batch())
        build, before = writer.build, everything(place.reader())
        writer.close()
        again = place.writer()
        assert build == again.build
        assert before == everything(place.reader())
        rows += feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        again.apply(feed.batch())
        assert entries_of(rows) == read(place.reader(), "gpu-a")

    def test_other_projections_are_refused(self, place: Place) -> None:
        """A build goes on with the versions that began it; readers do not care."""
        place.writer().close()
        for projections in ({}, {**PROJECTIONS, "samples": 2}, {**PROJECTIONS, "more": 1}):
            with pytest.raises(BadViewsError):
                place.writer(projections=projections)
        assert PROJECTIONS == place.reader().status().build.projections
        place.writer(projections=dict(reversed(list(PROJECTIONS.items()))))

    def test_what_is_closed_refuses(self, place: Place) -> None:
        """Closing twice is fine; whatever else comes after it is an error, and harms nobody else."""
        writer, reader, other = place.writer(), place.reader(), place.reader()
        feed = Feed()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        batch = feed.batch()
        for opened in (writer, reader, writer, reader):
            opened.close()
        for ask in (
            reader.gpus,
            reader.as_of,
            lambda: list(reader.entries("gpu-a")),
            lambda: writer.apply(batch),
            lambda: writer.maintain(SEEN_MS),
            lambda: writer.partition_states(TOPIC, TOPIC_ID),
        ):
            with pytest.raises(ViewUnavailableError):
                ask()
        assert [] == list(other.gpus())

    def test_a_listing_can_be_dropped(self, place: Place) -> None:
        """Who reads one slice and no more holds nothing up."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        for n in range(12_000):
            feed.event("gpu-a", START_MS + n, {POWER.name: n})
        writer.apply(feed.batch())
        slices = reader.entries("gpu-a")
        assert len(next(slices)) <= 10_000
        del slices
        settle(writer)
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        assert 12_001 == len(read(reader, "gpu-a"))

    def test_two_writers_take_turns(self, place: Place) -> None:
        """Each sees what the other has applied, and goes on from there; dictionaries are shared."""
        feed, writers = Feed(), [place.writer(), place.writer()]
        rows: list[SampleRow] = []
        for n in range(20):
            writer = writers[n % 2]
            values = {POWER.name: n, f"DCGM_FI_{n // 3}": 1.0}
            rows += feed.event("gpu-a", START_MS + n, values, attrs.evolve(BUSY, pod=f"job-{n // 4}"))
            writer.apply(feed.batch())
            state = writers[(n + 1) % 2].partition_states(TOPIC, TOPIC_ID)[0]
            assert state.checkpoint is not None
            assert n + 1 == state.checkpoint.next_offset
            writer.maintain(SEEN_MS)
        assert entries_of(rows) == read(place.reader(), "gpu-a")

    @pytest.mark.usefixtures("restless")
    def test_racing_writers_apply_each_row_once(self, place: Place) -> None:
        """Four threads apply the same log, each from the checkpoint it reads; who is late is refused."""
        feed = Feed()
        rows = [feed.event("gpu-a", START_MS + n, {POWER.name: n, TEMPERATURE.name: 1.0}) for n in range(200)]
        (whole,) = feed.batch().steps
        refused = threading.Semaphore(0)

        def follow(writer: ViewWriter, size: int) -> None:
            while True:
                state = writer.partition_states(TOPIC, TOPIC_ID).get(0)
                start = state.checkpoint.next_offset if state and state.checkpoint else None
                end = min((start or 0) + size, len(rows))
                if start == end:
                    return
                step = attrs.evolve(whole, expected=start, next_offset=end)
                batch = [row for event in rows[start or 0 : end] for row in event]
                try:
                    writer.apply(changes_of(batch, [step]))
                    writer.maintain(SEEN_MS)
                except StaleCheckpointError:
                    refused.release()

        with ThreadPoolExecutor(4) as pool:
            racers = [pool.submit(follow, place.writer(), size) for size in (3, 5, 7, 11)]
            for racer in racers:
                racer.result(timeout=60)
        assert entries_of(row for event in rows for row in event) == read(place.reader(), "gpu-a")
        assert {0: 200} == dict(place.reader().as_of())
