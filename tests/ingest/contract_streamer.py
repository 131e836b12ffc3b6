"""What a streamer does, whatever log is behind it. A subclass gives the fixture `place`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
import pytest

from eventlog.client import MessageQueue, OutboxLimits, Publisher, Record
from eventlog.client.errors import UndeliveredError
from ingest import origins
from ingest.clock import SystemClock
from ingest.sources.source import Source
from ingest.streamer import Streamer
from ingest.streamer_settings import Share, StreamerSettings
from ingest.telemetry.codec import EventTemplate, decode, encode
from ingest.telemetry.model import Origin, TelemetryEvent
from tests.eventlog.client.place import Place
from tests.eventlog.client.watching import WAIT_S, until
from tests.ingest.streaming.fleet import Fleet, samples
from tests.ingest.streaming.judge import everything, expected, fold, rows_by_partition
from tests.reliability.manual_clock import ManualClock

PARTITIONS = 4
ROWS = rows_by_partition(samples(24, 3), PARTITIONS)


class Running:
    """A streamer on a queue of its own, running in a task."""

    def __init__(
        self,
        place: Place,
        *,
        source: Source | None = None,
        clock: ManualClock | None = None,
        buffer: OutboxLimits | None = None,
        **settings: Any,
    ) -> None:
        usual = StreamerSettings("one", interval_s=0.02, topic=place.topic, partitions=PARTITIONS)
        wanted = attrs.evolve(usual, **settings)
        self.queue = place.open(limits=buffer or wanted.buffer)
        self.publishers = noted(self.queue)
        self.streamer = Streamer(
            self.queue, source or Fleet(name=place.group), wanted, clock or SystemClock()
        )
        self.counters = self.streamer.counters
        self.task = asyncio.create_task(self.streamer.run())

    def unanswered(self) -> int:
        """The records that its buffer holds. The counters take a row for answered after all before it."""
        return sum(publisher.pending_records for publisher in self.publishers)

    async def sends(self, count: int = 1) -> None:
        """Wait until so many more have been acknowledged."""
        wanted = self.counters.events_acknowledged + count
        await until(lambda: self.task.done() or self.counters.events_acknowledged >= wanted)
        assert self.counters.events_acknowledged >= wanted, self.task

    async def ended(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.task
        await self.queue.close()

    async def stop(self) -> None:
        await self.streamer.stop(30)
        await self.ended()


def noted(queue: MessageQueue) -> list[Publisher]:
    """The publishers that a queue opens from now on."""
    opened: list[Publisher] = []
    make = queue.publisher

    async def publisher(topic: str) -> Publisher:
        opened.append(await make(topic))
        return opened[-1]

    queue.publisher = publisher  # type: ignore[method-assign]
    return opened


async def log(place: Place) -> list[Record]:
    queue = place.open()
    try:
        return await everything(queue, place.topic)
    finally:
        await queue.close()


def check_complete(records: Sequence[Record], source_id: str, *, dropped: int = 0) -> None:
    """After the drop rule each partition has its rows, pass after pass, none lost and none doubled."""
    folded = fold(records, source_id)
    assert ROWS.keys() == folded.applied.keys()
    for partition, applied in folded.applied.items():
        assert expected(ROWS[partition], len(applied)) == applied
    assert dropped >= folded.dropped


def owns_half(streamer: Running) -> bool:
    return streamer.counters.partitions_owned == PARTITIONS // 2


class StreamerContract:
    async def test_a_source_that_ends_is_sent_once(self, place: Place) -> None:
        """Three passes: every event in its partition, its time the record's, its bytes those of the codec."""
        streamer = Running(place, source=Fleet(name=place.group, pass_count=3))
        await streamer.ended()
        records = await log(place)
        sample_of = {sample.row: sample for sample in samples(24, 3)}
        for record in records:
            assert record.value is not None
            origin = decode(record.value).origin
            sample = sample_of[origin.row]
            assert record.key == sample.gpu.uuid.encode()
            assert record.value == encode(
                TelemetryEvent(
                    gpu=sample.gpu,
                    observed_at_ms=record.timestamp_ms,
                    values=sample.values,
                    origin=Origin(place.group, origin.pass_number, origin.row),
                    labels=sample.labels,
                )
            )
        check_complete(records, place.group)
        assert 3 * 72 == len(records)
        assert attrs.evolve(streamer.counters, rebalances=0, last_acknowledged_ms=None) == attrs.evolve(
            streamer.counters.__class__(),
            events_published=216,
            events_acknowledged=216,
            bytes_published=sum(len(r.value or b"") + len(r.key or b"") for r in records),
            partition_passes=3 * len(ROWS),
            bad_rows=1,
            pass_number=3,
        )
        assert streamer.counters.last_acknowledged_ms is not None

    async def test_a_restart_goes_on_where_the_log_ends(self, place: Place) -> None:
        """Three lives of one streamer: no pass and no row is missing or doubled."""
        for _ in range(3):
            streamer = Running(place)
            await streamer.sends(200)
            await streamer.stop()
        check_complete(await log(place), place.group)

    async def test_once_is_once_across_restarts(self, place: Place) -> None:
        """Stopped in the middle of the pass, then run to the end, then run again: each row is there once."""
        slow = Running(place, once=True, rate=4.0)
        await slow.sends(3)
        await slow.stop()
        first = slow.counters.events_acknowledged
        assert 3 <= first < 72
        for left in (72 - first, 0):
            streamer = Running(place, once=True)
            await streamer.ended()
            assert left == streamer.counters.events_acknowledged
        records = await log(place)
        check_complete(records, place.group)
        assert 72 == len(records)

    async def test_once_looks_through_the_whole_log(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However much of others came after it, what was sent is not sent again."""
        monkeypatch.setattr(origins, "_STEPS", (10,))
        slow = Running(place, once=True, rate=200.0)
        await slow.sends(40)
        await slow.stop()
        noise = Running(place, source=Fleet(name=f"{place.group}-noise"), rate=5_000.0, interval_s=0)
        await noise.sends(1_000)
        await noise.stop()
        await Running(place, once=True).ended()
        records = await log(place)
        check_complete(records, place.group)
        assert 72 == len(records) - noise.counters.events_acknowledged

    async def test_once_is_done_by_those_who_stay(self, place: Place) -> None:
        """Two share the pass; one has sent its part, the other leaves with rows unsent: they are sent."""
        leaver = Running(place, instance_id="leaver", once=True, rate=4.0)
        await leaver.sends(2)
        stayer = Running(place, instance_id="stayer", once=True)
        await until(lambda: stayer.task.done() or owns_half(stayer))
        await leaver.sends(3)
        assert not stayer.task.done()
        await leaver.stop()
        await stayer.ended()
        records = await log(place)
        check_complete(records, place.group)
        assert 72 == len(records)

    async def test_streamers_come_and_go(self, place: Place) -> None:
        """One, then three, then another one: the partitions move, and nothing is lost or doubled."""
        first = Running(place, instance_id="first")
        await first.sends(100)
        others = [Running(place, instance_id=f"other-{number}") for number in range(2)]
        for streamer in others:
            await streamer.sends(50)
        await first.stop()
        await others[0].stop()
        assert 0 == first.counters.partitions_owned
        await until(lambda: others[1].counters.partitions_owned == PARTITIONS)
        await others[1].sends(100)
        await others[1].stop()
        check_complete(await log(place), place.group)

    async def test_nothing_is_lost_while_the_broker_is_away(self, place: Place) -> None:
        """The buffer fills and no further, the time is counted, and the log goes on without a hole."""
        buffer = OutboxLimits(records_max=300)
        streamer = Running(place, buffer=buffer)
        await streamer.sends(100)
        place.go_away()
        waited_s = streamer.counters.waiting_s  # a slow broker was waited for, too
        try:
            await until(lambda: streamer.counters.waiting_s > waited_s + 1.0 and streamer.unanswered() > 150)
            assert streamer.unanswered() <= 300
        finally:
            place.come_back()
        await streamer.sends(1_000)
        await streamer.stop()
        check_complete(await log(place), place.group)

    async def test_a_buffer_smaller_than_a_turn_is_enough(self, place: Place) -> None:
        """Turns become as small as it takes."""
        small = OutboxLimits(records_max=5)
        streamer = Running(place, source=Fleet(name=place.group, pass_count=2), buffer=small)
        await streamer.ended()
        records = await log(place)
        check_complete(records, place.group)
        assert 2 * 72 == len(records)

    async def test_partitions_may_stand_at_different_passes(self, place: Place, seed: int) -> None:
        """Each goes on from its own last row, in the middle of a pass or not, and none sends more."""
        luck = random.Random(seed)
        queue = place.open()
        await queue.ensure_topic(place.topic, PARTITIONS)
        publisher = await queue.publisher(place.topic)
        templates = {sample.row: EventTemplate(sample, place.group) for sample in samples(24, 3)}
        foreign = EventTemplate(samples(1, 1)[0], f"{place.group}-other").render(1, 1)
        keys = {sample.row: sample.gpu.uuid.encode() for sample in samples(24, 3)}
        foreign_key, foreign_count = samples(1, 1)[0].gpu.uuid.encode(), 0
        for partition, rows in ROWS.items():
            for pass_number, row in expected(rows, luck.randrange(4 * len(rows) + 1)):
                value = templates[row].render(1, pass_number)
                publisher.publish_run(partition, [keys[row]], [value], 1)
                if luck.random() < 0.5:
                    publisher.publish_run(partition, [foreign_key], [foreign], 1)
                    foreign_count += 1
        await queue.close()
        await Running(place, source=Fleet(name=place.group, pass_count=4)).ended()
        records = await log(place)
        check_complete(records, place.group)
        assert 4 * 72 + foreign_count == len(records)

    async def test_it_begins_when_the_broker_comes(self, place: Place) -> None:
        """A streamer that finds nobody waits, and can be stopped while it does."""
        queue = place.open()
        await queue.ensure_topic(place.topic, PARTITIONS)
        await queue.close()
        place.go_away()
        try:
            given_up = Running(place)
            early = Running(place)
            await asyncio.sleep(0.3)
            async with asyncio.timeout(WAIT_S):
                await given_up.streamer.stop(0.1)
                await given_up.task
        finally:
            place.come_back()
        await early.sends(72)
        await early.stop()
        await given_up.queue.close()
        check_complete(await log(place), place.group)

    async def test_a_stop_in_vain_says_what_is_lost(self, place: Place) -> None:
        """With the broker away a stop ends near its deadline and counts what nobody answered for."""
        streamer = Running(place)
        await streamer.sends(100)
        place.go_away()
        try:
            published = streamer.counters.events_published  # of these, all may have been stored
            await until(lambda: streamer.counters.events_published > published)
            async with asyncio.timeout(30):
                await streamer.streamer.stop(0.5)
                with pytest.raises(UndeliveredError, match=r"^\d+ records"):
                    await streamer.task
        finally:
            place.come_back()
        await streamer.queue.close()

    async def test_sources_do_not_mind_each_other(self, place: Place) -> None:
        """Two sources in one topic, each stopped and started again: each has its own sequence."""
        for _ in range(2):
            pair = [Running(place, source=Fleet(name=f"{place.group}{end}")) for end in ("a", "ab")]
            for streamer in pair:
                await streamer.sends(150)
            for streamer in pair:
                await streamer.stop()
        records = await log(place)
        for end in ("a", "ab"):
            check_complete(records, f"{place.group}{end}")

    async def test_where_the_log_has_forgotten_it_goes_on_above(self, place: Place) -> None:
        """When retention has removed every origin, the next pass is above any that there can have been."""
        streamer = Running(place)
        await streamer.sends(200)
        await streamer.stop()
        before = await log(place)
        for partition in ROWS:
            end = max(record.offset for record in before if record.partition == partition) + 1
            place.raise_log_start(place.at(partition), end)
        clock = ManualClock(wall=SystemClock().wall_ms())
        streamer = Running(place, clock=clock)
        await streamer.sends(200)
        await streamer.stop()
        folded = fold(await log(place), place.group)
        for partition, applied in folded.applied.items():
            assert expected(ROWS[partition], len(applied), first_pass=clock.wall_ms()) == applied
        assert 0 == folded.dropped

    async def test_alone_each_sends_everything(self, place: Place) -> None:
        """Without sharing each instance is a source of its own, and joins no group."""
        both = [Running(place, instance_id=name, share=Share.NONE) for name in ("a", "b")]
        for streamer in both:
            await streamer.sends(150)
            assert PARTITIONS == streamer.counters.partitions_owned
        for streamer in both:
            await streamer.stop()
        records = await log(place)
        for name in ("a", "b"):
            check_complete(records, f"{place.group}@{name}")

    async def test_no_time_is_earlier_than_the_one_before_it(self, place: Place) -> None:
        """The clock is set back while it runs, and before a restart: stamps in a partition only grow."""
        clock = ManualClock()
        for _ in range(2):
            streamer = Running(place, clock=clock)
            for step_ms in (5_000, -3_600_000, 1_000):
                clock.jump(step_ms)
                await streamer.sends(100)
            await streamer.stop()
            clock.jump(-1_000_000)
        records = await log(place)
        for partition in ROWS:
            stamps = [record.timestamp_ms for record in records if record.partition == partition]
            assert sorted(stamps) == stamps
            assert 1_700_000_005_000 == stamps[-1]
        check_complete(records, place.group)

    async def test_the_rate_is_shared_by_what_each_one_has(self, place: Place) -> None:
        """The shares of the members come to the rate of the source."""
        pair = [Running(place, instance_id=name, rate=500.0, interval_s=0) for name in ("a", "b")]
        for streamer in pair:
            await until(partial(owns_half, streamer))
        for streamer in pair:
            await streamer.sends(100)
        owned = sum(streamer.counters.rate_share or 0.0 for streamer in pair)
        assert 500.0 == pytest.approx(owned)
        for streamer in pair:
            await streamer.stop()
        check_complete(await log(place), place.group)
