"""Filling a build where the log has less to give than its offsets say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from eventlog.client import MessageQueue
from ingest.clock import SystemClock
from ingest.collector_counters import CollectorCounters
from ingest.projections import VERSIONS
from ingest.replay.filling import Filling
from query.views.building import Builds
from query.views.model import Build
from query.views.opening import open_builds
from query.views.store import Changes, ViewWriter
from tests.ingest.collecting.running import QUICK, WAIT_S, Pipeline, until
from tests.ingest.replay.replaying import SMALL, opened, plain_records

SILENT_S = 0.3


async def impatient(
    queue: MessageQueue, builds: Builds, build: Build, counters: CollectorCounters
) -> Filling:
    """What fills a build, and soon asks whether there is anything."""
    return Filling(
        queue,
        await queue.describe_topic("gpu.telemetry"),
        partial(builds.open_writer, build, retention_ms=None),
        None,
        settings=SMALL,
        counters=counters,
        clock=SystemClock(),
        silent_s=SILENT_S,
    )


async def test_the_last_records_cannot_be_had(pipeline: Pipeline) -> None:
    """A broker that passes over them says nothing; they become a gap, and what comes later is applied."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(200))
    queue.log.partition(pipeline.place.at(1)).damage(40, 50)
    build, counters = builds.begin(VERSIONS), CollectorCounters()
    filling = await impatient(queue, builds, build, counters)

    async def goal() -> None:
        await filling.reach(dict.fromkeys(range(4), 50))
        assert (1, 10) == (counters.gaps, counters.gap_records)
        await pipeline.publish(queue, plain_records(400)[200:])
        await filling.reach(dict.fromkeys(range(4), 100))

    async with asyncio.timeout(WAIT_S):
        await filling.run_until(goal(), asyncio.Event())

    status = builds.status(build)
    assert [(1, 40, 50)] == [(gap.partition, gap.first, gap.end) for gap in status.gaps]
    assert [100] * 4 == [each.next_offset for each in status.checkpoints]
    assert 390 == counters.records
    builds.close()
    await queue.close()


async def test_others_fill_the_same_build(pipeline: Pipeline) -> None:
    """What they have applied counts, though nothing is left to be applied by this one."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(200))
    build, topic = builds.begin(VERSIONS), await queue.describe_topic("gpu.telemetry")
    target, others_are_done = dict.fromkeys(range(4), 50), threading.Event()

    def open_late() -> ViewWriter:
        writer = builds.open_writer(build, retention_ms=None)
        apply = writer.apply

        def wait_and_apply(changes: Changes) -> None:
            others_are_done.wait(WAIT_S)
            apply(changes)

        writer.apply = wait_and_apply  # type: ignore[method-assign]
        return writer

    def filling(open_writer: Callable[[], ViewWriter]) -> Filling:
        counters, clock = CollectorCounters(), SystemClock()
        return Filling(queue, topic, open_writer, None, settings=QUICK, counters=counters, clock=clock)

    late, other = filling(open_late), filling(partial(builds.open_writer, build, retention_ms=None))
    async with asyncio.timeout(WAIT_S):
        waiting = asyncio.create_task(late.run_until(late.reach(target), asyncio.Event()))
        await until(lambda: bool(late.applied))
        await other.run_until(other.reach(target), asyncio.Event())
        others_are_done.set()
        await waiting
    assert [50] * 4 == [each.next_offset for each in builds.status(build).checkpoints]
    builds.close()
    await queue.close()


async def test_a_partition_that_is_only_slow(pipeline: Pipeline) -> None:
    """A log that is away for longer than the silence costs no record."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(200))
    build, counters = builds.begin(VERSIONS), CollectorCounters()
    filling = await impatient(queue, builds, build, counters)

    async def goal() -> None:
        await filling.reach({0: 1})
        pipeline.place.go_away()
        target = asyncio.create_task(filling.reach(dict.fromkeys(range(4), 50)))
        await asyncio.wait({target}, timeout=3 * SILENT_S)
        pipeline.place.come_back()
        await target

    async with asyncio.timeout(WAIT_S):
        await filling.run_until(goal(), asyncio.Event())

    assert (200, 0) == (counters.records, counters.gaps)
    builds.close()
    await queue.close()
