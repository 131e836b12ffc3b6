"""A view or a log that is away for a while: nothing is lost, and a stop is not held up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from unittest.mock import patch

import attrs
import pytest

from eventlog.client import Batch, InMemoryMessageQueue, NewRecord
from ingest.collector import Collector
from ingest.intake import Intake
from ingest.parcel import Parcel
from ingest.topics import DEAD_LETTERS
from query.views.errors import BadViewsError, ViewUnavailableError
from query.views.store import Changes, ViewWriter
from tests.ingest.collecting.events import event, random_records
from tests.ingest.collecting.running import PARTITIONS, QUICK, Pipeline, read_all, until
from tests.ingest.collecting.writers import WrappedWriter


@attrs.define
class Switch:
    """Whether the view is there."""

    is_away: bool = False

    def check(self) -> None:
        if self.is_away:
            raise ViewUnavailableError("the view is away; try again")

    def writer_of(self, pipeline: Pipeline) -> Callable[[], ViewWriter]:
        switch = self

        class Switched(WrappedWriter):
            def apply(self, changes: Changes) -> None:
                switch.check()
                super().apply(changes)

            def maintain(self, now_ms: int) -> bool:
                switch.check()
                return super().maintain(now_ms)

        def open_writer() -> ViewWriter:
            switch.check()
            return Switched(pipeline.writer())

        return open_writer


def gone_with(pipeline: Pipeline) -> Callable[[Intake, Batch, int], Parcel | None]:
    """Takes a batch as always; the broker dies as soon as there is poison in one."""
    take = Intake.take

    def taken(intake: Intake, batch: Batch, now_ms: int) -> Parcel | None:
        parcel = take(intake, batch, now_ms)
        if parcel is not None and parcel.poison:
            pipeline.place.go_away()
        return parcel

    return taken


def told_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The actions in the log, in order."""
    return [record.action for record in caplog.records if hasattr(record, "action")]


async def test_the_view_goes_away_and_comes_back(
    pipeline: Pipeline, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Records wait in the log; one line says that it is away, one that it is back."""
    queue, random = pipeline.place.open(), Random(seed)
    switch = Switch()
    await pipeline.publish(queue, random_records(random, 100, partitions=PARTITIONS))
    async with pipeline.collector(open_writer=switch.writer_of(pipeline)) as collector:
        await pipeline.applied(queue)
        switch.is_away = True
        with caplog.at_level(logging.INFO, "ingest"):
            await pipeline.publish(queue, random_records(random, 100, partitions=PARTITIONS, first_row=100))
            await until(lambda: collector.counters.retries > 4 and "apply" in told_of(caplog))
            assert "the view is away; try again" == collector.counters.last_error
            switch.is_away = False
            await pipeline.applied(queue)
            await until(lambda: not collector.counters.last_error and told_of(caplog).count("apply") > 1)
    assert 2 == told_of(caplog).count("apply")
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    await queue.close()


async def test_the_view_is_away_at_first(in_memory: Pipeline) -> None:
    """A collector that starts before its view can be opened waits for it."""
    queue, switch = in_memory.place.open(), Switch(is_away=True)
    await in_memory.publish(queue, [NewRecord(event(0), None, 0)])
    async with in_memory.collector(open_writer=switch.writer_of(in_memory)) as collector:
        await until(lambda: collector.counters.retries > 2)
        switch.is_away = False
        await until(lambda: collector.counters.samples == 1)
    await queue.close()


@pytest.mark.parametrize("when", ["before the assignment", "with a batch in hand"])
async def test_a_stop_while_the_view_is_away(in_memory: Pipeline, when: str) -> None:
    """It ends at once, commits nothing, and the next collector applies everything."""
    queue, switch = in_memory.place.open(), Switch(is_away=when == "before the assignment")
    await in_memory.publish(queue, [NewRecord(event(0), None, 0)])
    settings = attrs.evolve(QUICK, settle_s_max=20.0)
    async with in_memory.collector(open_writer=switch.writer_of(in_memory), settings=settings) as collector:
        if when == "before the assignment":
            await until(lambda: collector.counters.retries > 1)
        else:
            await until(lambda: collector.counters.samples == 1)
            switch.is_away = True
            await in_memory.publish(queue, [NewRecord(event(1), None, 0)])
            await until(lambda: collector.counters.retries > 1)
        begun_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun_s < settings.settle_s_max
    applied = 0 if when == "before the assignment" else 1
    assert applied == sum((await in_memory.committed(queue)).values())
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert (await in_memory.expected(queue)).rows == in_memory.rows()
    await queue.close()


async def test_the_broker_goes_away_and_comes_back(pipeline: Pipeline, seed: int) -> None:
    """The collector waits, and goes on where it was."""
    queue, random = pipeline.place.open(), Random(seed)
    await pipeline.publish(queue, random_records(random, 100, partitions=PARTITIONS))
    async with pipeline.collector():
        await pipeline.applied(queue)
        pipeline.place.go_away()
        await asyncio.sleep(0.3)
        pipeline.place.come_back()
        await pipeline.publish(queue, random_records(random, 100, partitions=PARTITIONS, first_row=100))
        await pipeline.applied(queue)
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    await queue.close()


async def test_the_broker_is_away_at_first(in_memory: Pipeline) -> None:
    """A collector waits for the log, too."""
    queue = in_memory.place.open()
    in_memory.place.go_away()
    async with in_memory.collector() as collector:
        await until(lambda: collector.counters.retries > 2)
        in_memory.place.come_back()
        await until(lambda: collector.counters.partitions == PARTITIONS)
    await queue.close()


async def test_a_stop_while_the_broker_is_away(in_memory: Pipeline) -> None:
    """There is nobody to wait for."""
    queue = in_memory.place.open()
    in_memory.place.go_away()
    async with in_memory.collector() as collector:
        await until(lambda: collector.counters.retries > 0)
    assert 0 == collector.counters.partitions
    await queue.close()


async def test_a_stop_with_poison_in_hand_while_the_broker_is_away(in_memory: Pipeline) -> None:
    """Nobody waits for the dead letter longer than for a batch; the next collector sets it aside."""
    queue = in_memory.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    settings = attrs.evolve(QUICK, settle_s_max=0.3)
    await in_memory.publish(queue, [NewRecord(b"no event", None, 0)])
    async with in_memory.collector(settings=settings) as collector:
        await in_memory.applied(queue)
        with patch.object(Intake, "take", gone_with(in_memory)):
            queue.log.append(in_memory.place.at(0), [NewRecord(b"no event", None, 0)])
            await until(lambda: collector.counters.poison == 2)
            await asyncio.sleep(0.1)  # the parcel is in hand, and the next poll is over
        begun_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun_s < 10
    in_memory.place.come_back()
    async with in_memory.collector():
        await in_memory.applied(queue)
    assert 2 == len(await read_all(queue, DEAD_LETTERS))
    await queue.close()


async def test_a_stop_with_an_offset_to_commit_while_the_broker_hangs(in_broker: Pipeline) -> None:
    """The view has it: nobody waits long for the commit, nor for the farewell."""
    queue = in_broker.place.open()
    await in_broker.publish(queue, [NewRecord(event(0), None, 0)])
    settings = attrs.evolve(QUICK, commit_ms=3_600_000)
    async with in_broker.collector(queue, settings=settings) as collector:
        await until(lambda: collector.counters.samples == 1)
        in_broker.place.go_away()
        begun_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun_s < 15
    in_broker.place.come_back()
    await queue.close()


async def test_views_that_cannot_be_used(in_memory: Pipeline) -> None:
    """That is no matter of patience: the run ends with the store's own line."""
    queue = in_memory.place.open()

    def refuse() -> ViewWriter:
        raise BadViewsError("not a folder for views")

    with pytest.raises(BadViewsError, match="not a folder for views"):
        await Collector(queue, refuse, "view", settings=QUICK).run()
    await queue.close()


async def test_an_error_of_ours_ends_the_run(in_memory: Pipeline) -> None:
    """A broken store is not taken for one that is away: what it raises comes out."""
    queue = in_memory.place.open()
    await in_memory.publish(queue, [NewRecord(event(0), None, 0)])

    class Broken(WrappedWriter):
        def apply(self, changes: Changes) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Collector(queue, lambda: Broken(in_memory.writer()), "view", settings=QUICK).run()
    assert {} == await in_memory.committed(queue)
    await queue.close()
