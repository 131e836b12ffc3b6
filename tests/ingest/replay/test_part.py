"""A part of the log in a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from eventlog.client import InMemoryMessageQueue
from ingest.projections import VERSIONS
from ingest.replay.bounds import BadBoundError, Bound
from ingest.replay.course import ReplayOptions
from ingest.replay.part import PartPlan, StoreInUseError
from ingest.replay.report import Report
from query.views.model import Build
from query.views.opening import open_builds, open_writer
from tests.ingest.collecting.events import START_MS
from tests.ingest.collecting.naive_fold import Row, naive_fold
from tests.ingest.collecting.running import PARTITIONS, WAIT_S, Pipeline, until
from tests.ingest.replay.replaying import answers, opened, part_of, plain_records, replay_of

COUNT = 200
START, MIDDLE = START_MS + 40, START_MS + 120


async def made(
    pipeline: Pipeline, queue: InMemoryMessageQueue, starts: Sequence[Bound], ends: Sequence[Bound]
) -> Report:
    """A part in the pipeline's store."""
    builds = open_builds(pipeline.views)
    try:
        replay = part_of(queue, builds)
        async with asyncio.timeout(WAIT_S):
            return await replay.run(await replay.plan(starts, ends))
    finally:
        builds.close()


async def rows_between(pipeline: Pipeline, queue: InMemoryMessageQueue, start: int, end: int) -> list[Row]:
    """A plain fold of the rows from one to another, each record of the next partition."""
    log = await pipeline.log(queue)
    return naive_fold(each for each in log if start <= each.timestamp_ms < end).rows


async def test_a_part_by_time(pipeline: Pipeline) -> None:
    """From a time on, and before another; where nothing is left out, the end is that of now."""
    queue = opened(pipeline)
    await pipeline.publish(queue, plain_records(COUNT))
    report = await made(pipeline, queue, [Bound(time_ms=START)], [Bound(time_ms=MIDDLE)])

    assert (80, True, None) == (report.records, report.is_current, report.replaced)
    assert await rows_between(pipeline, queue, START, MIDDLE) == answers(pipeline.views).rows
    with pytest.raises(StoreInUseError, match="another one"):
        await made(pipeline, queue, [], [])
    await queue.close()


async def test_a_part_by_offsets(pipeline: Pipeline) -> None:
    """Each partition by itself; an offset goes before a time."""
    queue = opened(pipeline)
    await pipeline.publish(queue, plain_records(COUNT))
    starts = [Bound(time_ms=START), Bound(partition=1, offset=3)]
    await made(pipeline, queue, starts, [Bound(partition=0, offset=10), Bound(partition=2, offset=20)])

    rows = answers(pipeline.views).rows
    found = {number: sorted({row.offset for row in rows if row.partition == number}) for number in range(4)}
    assert {0: [], 1: list(range(3, 50)), 2: list(range(10, 20)), 3: list(range(10, 50))} == found
    await queue.close()


async def test_the_end_is_damaged(pipeline: Pipeline) -> None:
    """What cannot be read before the end becomes a gap, and the part is whole all the same."""
    queue = opened(pipeline)
    await pipeline.publish(queue, plain_records(COUNT))
    queue.log.partition(pipeline.place.at(1)).damage(25, 35)
    report = await made(pipeline, queue, [], [Bound(partition=1, offset=30)])

    assert (1, 5) == (report.gaps, report.gap_records)
    assert dict.fromkeys((0, 2, 3), 50) | {1: 30} == dict(report.next_offsets)
    assert 25 == sum(row.partition == 1 for row in answers(pipeline.views).rows)
    await queue.close()


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (Bound(partition=9, offset=0), None, "no partition 9"),
        (Bound(partition=0, offset=51), None, "0 to 50"),
        (Bound(partition=0, offset=20), Bound(partition=0, offset=10), "begin at 20 and end before"),
    ],
)
async def test_bounds_that_the_log_does_not_have(
    pipeline: Pipeline, start: Bound, end: Bound | None, message: str
) -> None:
    """They are refused with what it has."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(COUNT))
    with pytest.raises(BadBoundError, match=message):
        await part_of(queue, builds).plan([start], [] if end is None else [end])
    builds.close()
    await queue.close()


async def test_what_a_killed_part_has_left(pipeline: Pipeline) -> None:
    """Nobody takes it for the whole: neither a replay nor collectors; the next part removes it."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(COUNT))
    killed = builds.begin(VERSIONS, is_part=True)

    assert killed != builds.begin_or_join(VERSIONS)
    plan = await replay_of(pipeline, queue, builds, ReplayOptions()).plan()
    assert plan.resumed is not None
    assert killed.name != plan.resumed.name
    builds.drop(plan.resumed)

    report = await made(pipeline, queue, [], [])
    assert (True, []) == (report.is_current, list(builds.others()))
    builds.close()
    await queue.close()


async def test_two_that_make_a_part(pipeline: Pipeline) -> None:
    """The second one is refused, whether it comes while the first is at it or has begun at the same time."""
    queue, builds, others = opened(pipeline), open_builds(pipeline.views), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(COUNT))
    first, second = part_of(queue, builds), part_of(queue, others)
    plan = await second.plan([], [])
    with builds.hold(build := builds.begin(VERSIONS, is_part=True)):
        with pytest.raises(StoreInUseError, match=build.name):
            await second.plan([], [])
        with pytest.raises(StoreInUseError, match=build.name):
            await second.run(plan)
    report = await first.run(plan)
    with pytest.raises(StoreInUseError, match=f"{report.build}"):
        await second.run(plan)
    assert (report.build, []) == (builds.current_name(), list(builds.others()))
    builds.close()
    others.close()
    await queue.close()


async def test_a_view_that_comes_while_a_part_is_made(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays, and nothing is left of the part."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(COUNT))
    part = part_of(queue, builds)
    real = part._fill

    async def fill(plan: PartPlan, build: Build) -> None:
        await real(plan, build)
        open_writer(pipeline.views, projections=VERSIONS, retention_ms=None).close()

    monkeypatch.setattr(part, "_fill", fill)
    with pytest.raises(StoreInUseError):
        await part.run(await part.plan([], []))
    assert answers(pipeline.views).next_offsets == {}
    assert [] == list(builds.others())
    builds.close()
    await queue.close()


async def test_an_interrupted_part_leaves_nothing(pipeline: Pipeline) -> None:
    """Neither a view nor a build."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await pipeline.publish(queue, plain_records(COUNT * PARTITIONS))
    replay = part_of(queue, builds)
    running = asyncio.create_task(replay.run(await replay.plan([], [])))
    await until(lambda: replay.counters.batches > 0)
    replay.stop()
    report = await asyncio.wait_for(running, WAIT_S)

    assert (False, None) == (report.is_current, report.build)
    assert ([], None) == (list(builds.listing()), builds.current())
    builds.close()
    await queue.close()
