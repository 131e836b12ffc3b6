"""The streamer's contract over the log in this process, and what is easier to bring about there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import attrs
import pytest
from freezegun import freeze_time

from eventlog.client import OutboxLimits, partition_of
from eventlog.client.errors import InvalidRecordError, UnknownTopicError
from ingest import sending
from ingest.errors import SourceError
from ingest.telemetry.codec import decode
from ingest.telemetry.model import Sample
from tests.eventlog.client.place import MemoryPlace
from tests.eventlog.client.watching import WAIT_S, until
from tests.ingest.contract_streamer import PARTITIONS, Running, StreamerContract, log
from tests.ingest.streaming.fleet import Fleet, samples


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


class TestStreamer(StreamerContract):
    """`StreamerContract` holds."""


async def test_events_carry_the_time_of_processing(place: MemoryPlace) -> None:
    """Whole milliseconds of the machine's clock, and not a time of the source."""
    with freeze_time("2025-07-18 13:42:33.123456", real_asyncio=True):
        await Running(place, once=True).ended()
    assert {1_752_846_153_123} == {record.timestamp_ms for record in await log(place)}


async def test_a_broker_that_takes_nothing_is_told_of(
    place: MemoryPlace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when the buffer has been full for a while, and one when there is room again."""
    monkeypatch.setattr(sending, "_LOOK_S", 0.05)

    def told() -> list[int]:
        return [line.levelno for line in caplog.records if line.name == sending.__name__]

    with caplog.at_level(logging.INFO, sending.__name__):
        streamer = Running(place, buffer=OutboxLimits(records_max=100))
        await streamer.sends()
        place.go_away()
        with monkeypatch.context() as patched:
            patched.setattr(sending, "_TELL_S", 0.1)
            await until(lambda: logging.WARNING in told())
            await asyncio.sleep(0.3)
        place.come_back()
        await until(lambda: logging.INFO in told())
        await streamer.stop()
    assert [logging.WARNING, logging.INFO] == told()


async def test_a_run_that_is_larger_than_half_the_buffer_is_sent(place: MemoryPlace) -> None:
    """Behind a smaller one of another partition: the loop goes on, and everything arrives."""
    gpus = samples(200, 1)
    mine = [sample for sample in gpus if partition_of(sample.gpu.uuid.encode(), PARTITIONS) == 0]
    few = [sample for sample in gpus if partition_of(sample.gpu.uuid.encode(), PARTITIONS) == 1][:15]
    rows = [attrs.evolve(sample, row=row) for row, sample in enumerate([*few, *mine])]
    assert len(mine) > 25
    source = Fleet(name=place.group, pass_count=1)
    source._samples = rows
    await Running(place, source=source, buffer=OutboxLimits(records_max=len(mine) + 5)).ended()
    assert len(rows) == len(await log(place))


class Changing(Fleet):
    """One whose passes differ: another GPU drops out of each, and values count the passes."""

    def samples(self, pass_number: int) -> Sequence[Sample]:
        return [
            attrs.evolve(sample, values={"PASS": pass_number})
            for sample in super().samples(pass_number)
            if sample.row % 5 != pass_number % 5
        ]


async def test_passes_may_differ(place: MemoryPlace) -> None:
    """Stopped in the middle of a pass, it goes on in the same pass, with that pass's rows."""
    source = Changing(name=place.group, pass_count=12)
    first = Running(place, source=source, rate=1_000.0)
    await first.sends(300)
    await first.stop()
    await Running(place, source=Changing(name=place.group, pass_count=12)).ended()
    sent = []
    for record in await log(place):
        assert record.value is not None
        event = decode(record.value)
        assert event.values == {"PASS": event.origin.pass_number}
        sent.append((event.origin.pass_number, event.origin.row))
    assert sorted(sent) == [(n, sample.row) for n in range(1, 13) for sample in source.samples(n)]


async def test_a_topic_that_is_gone_ends_it(place: MemoryPlace) -> None:
    """Waiting would not help: one clear error."""
    streamer = Running(place)
    await streamer.sends()
    place.queue.log.delete_topic(place.topic)
    with pytest.raises(UnknownTopicError, match=place.topic):
        async with asyncio.timeout(WAIT_S):
            await streamer.task
    await streamer.queue.close()


async def test_a_sample_that_fits_no_record_ends_it(place: MemoryPlace) -> None:
    """It could never be stored, and nothing may be left out: one clear error that says how large it is."""

    class Large(Fleet):
        def samples(self, pass_number: int) -> Sequence[Sample]:
            first, second, *_ = super().samples(pass_number)
            return [first, attrs.evolve(second, labels={"note": "x" * 2_000_000})]

    streamer = Running(place, source=Large(name=place.group))
    with pytest.raises(InvalidRecordError, match=r"^a record of 20\d{5} bytes .*make it smaller$"):
        await streamer.task
    await streamer.queue.close()


async def test_a_source_that_cannot_be_read_ends_it(place: MemoryPlace) -> None:
    """Before anything is published."""

    class Broken(Fleet):
        async def open(self) -> None:
            raise SourceError("the file is not there")

    streamer = Running(place, source=Broken())
    with pytest.raises(SourceError, match=r"^the file is not there$"):
        await streamer.task
    await streamer.streamer.stop(1)
    await streamer.queue.close()


async def test_a_cancelled_one_leaves_what_it_has_to_others(place: MemoryPlace) -> None:
    """Cancelling is a stop with a short deadline."""
    cancelled, other = Running(place), Running(place)
    await cancelled.sends()
    cancelled.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled.task
    assert 0 == cancelled.counters.partitions_owned
    await other.sends(100)
    await other.stop()
    await cancelled.queue.close()
