"""R13: a replay gives what an independent fold of the log gives, while collectors go on and readers read."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from eventlog.client import NewRecord
from ingest.projections import VERSIONS
from ingest.replay.course import ReplayOptions, ReplayRefusedError
from ingest.topics import DEAD_LETTERS
from query.views.errors import BuildInUseError, ViewUnavailableError
from query.views.model import Build, ViewStatus
from query.views.opening import open_builds, open_reader
from tests.ingest.collecting.events import START_MS, event, random_records
from tests.ingest.collecting.running import PARTITIONS, WAIT_S, Pipeline, read_all, until
from tests.ingest.replay.replaying import (
    NONE,
    answers,
    answers_of,
    build_name,
    collected,
    opened,
    replay_of,
    replayed,
)


async def test_a_replay_gives_the_same_answers(pipeline: Pipeline, seed: int) -> None:
    """Another build, the same rows, newest values, GPUs and checkpoints; they are those of a plain fold."""
    queue = opened(pipeline)
    await collected(pipeline, queue, Random(seed), 500)
    before, old = answers(pipeline.views), build_name(pipeline.views)

    plan, report = await replayed(pipeline, queue)

    expected = await pipeline.expected(queue)
    assert before == answers(pipeline.views)
    assert expected.rows == answers(pipeline.views).rows
    assert (True, old) == (report.is_current, report.replaced)
    assert report.build == build_name(pipeline.views) != old
    assert (500, 500, len(expected.rows)) == (plan.record_count, report.records, report.samples)
    assert (len(expected.poison), len(expected.dropped)) == (report.poison_records, report.dropped_origins)
    await queue.close()


async def test_a_replay_sends_no_dead_letters(pipeline: Pipeline, seed: int) -> None:
    """The collectors had set the poison aside; a replay counts it, and passes over it."""
    queue = opened(pipeline)
    await pipeline.publish(queue, [NewRecord(b"no event", None, 0)])
    await collected(pipeline, queue, Random(seed), 300)
    letters = await read_all(queue, DEAD_LETTERS)

    _, report = await replayed(pipeline, queue)

    assert len(letters) == report.poison_records > 0
    assert letters == await read_all(queue, DEAD_LETTERS)
    await queue.close()


async def test_the_first_view_may_be_a_replay(pipeline: Pipeline, seed: int) -> None:
    """Without a view, and without a collector, the log's end is where it takes over."""
    queue = opened(pipeline)
    await pipeline.publish(queue, random_records(Random(seed), 200, partitions=PARTITIONS))

    _, report = await replayed(pipeline, queue)

    assert (True, None) == (report.is_current, report.replaced)
    assert (await pipeline.expected(queue)).rows == answers(pipeline.views).rows
    async with pipeline.collector():
        await pipeline.applied(queue)
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    await queue.close()


async def test_the_old_build_is_kept_where_that_is_wanted(pipeline: Pipeline, seed: int) -> None:
    """And it is not taken for one that is being made."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 100)
    first = build_name(pipeline.views)

    _, report = await replayed(pipeline, queue, ReplayOptions(keep=True))
    assert [first] == [each.name for each in builds.others()]
    assert report.is_kept

    plan, report = await replayed(pipeline, queue)
    assert plan.resumed is None
    assert not report.is_kept
    assert [first] == [each.name for each in builds.others()]
    builds.close()
    await queue.close()


@pytest.mark.parametrize("pipeline", ["memory", "sqlite", "postgres"], indirect=True)
async def test_collectors_and_readers_go_on(pipeline: Pipeline, seed: int) -> None:
    """R18: each answer of a reader is that of a fold of the log; what comes meanwhile is in the new build."""
    queue, random = opened(pipeline), Random(seed)
    await pipeline.publish(queue, random_records(random, 400, partitions=PARTITIONS))
    reader = open_reader(pipeline.views)
    async with pipeline.collector():
        await pipeline.applied(queue)
        before = answers_of(reader)
        replaying = asyncio.create_task(replayed(pipeline, queue))
        while not replaying.done():
            assert before == await asyncio.to_thread(answers_of, reader)
        await replaying
        await pipeline.publish(queue, random_records(random, 100, partitions=PARTITIONS, first_row=400))
        await pipeline.applied(queue)
        assert (await pipeline.expected(queue)).rows == answers_of(reader).rows
    reader.close()
    await queue.close()


async def test_records_that_come_during_a_replay(pipeline: Pipeline, seed: int) -> None:
    """Published and collected all the while, each is in the view once in the end."""
    queue, random = opened(pipeline), Random(seed)
    await pipeline.publish(queue, random_records(random, 400, partitions=PARTITIONS))
    async with pipeline.collector() as collector:
        await pipeline.applied(queue)
        replaying = asyncio.create_task(replayed(pipeline, queue))
        row = 400
        while not replaying.done():
            await pipeline.publish(queue, random_records(random, 20, partitions=PARTITIONS, first_row=row))
            await pipeline.applied(queue)
            row += 20
        _, report = await replaying
        read = collector.counters.records
        await pipeline.publish(queue, random_records(random, 20, partitions=PARTITIONS, first_row=row))
        await pipeline.applied(queue)
    assert report.is_current
    assert (await pipeline.expected(queue)).rows == pipeline.rows()
    assert collector.counters.records >= read + 20, "the replay is over: it is the collector that goes on"
    await queue.close()


@pytest.mark.parametrize("batches", [0, 1, 5])
async def test_an_interrupted_replay_is_gone_on_with(pipeline: Pipeline, seed: int, batches: int) -> None:
    """The old build is read until the new one is whole; where nothing was done, nothing is left."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 500)
    before, old = answers(pipeline.views), build_name(pipeline.views)

    replay = replay_of(pipeline, queue, builds)
    plan = await replay.plan()
    if batches == 0:
        replay.stop()
    running = asyncio.create_task(replay.run(plan))
    await until(lambda: replay.counters.batches >= batches)
    replay.stop()
    report = await asyncio.wait_for(running, WAIT_S)
    assert (False, old) == (report.is_current, build_name(pipeline.views))
    assert before == answers(pipeline.views)
    left = [each.name for each in builds.others()]
    assert ([] if report.build is None else [report.build]) == left
    done = sum(report.next_offsets.values()) if left else 0

    plan, report = await replayed(pipeline, queue)
    assert (500 - done, bool(left)) == (plan.record_count, report.is_resumed)
    assert 500 - done == report.records
    assert before == answers(pipeline.views)
    assert not builds.others()
    builds.close()
    await queue.close()


async def test_a_replay_that_begins_anew(pipeline: Pipeline, seed: int) -> None:
    """What an earlier one has left is not gone on with, and does not stay."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 200)
    left = builds.begin(VERSIONS)

    plan, report = await replayed(pipeline, queue, ReplayOptions(anew=True))

    assert (None, 200) == (plan.resumed, report.records)
    assert left.name != report.build
    assert not builds.others()
    builds.close()
    await queue.close()


async def test_two_replays_at_once(pipeline: Pipeline, seed: int) -> None:
    """The second one says who is at it."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 100)
    build = builds.begin(VERSIONS)
    for options in (NONE, ReplayOptions(anew=True)):
        with builds.hold(build), pytest.raises(BuildInUseError, match=f"build {build.name}"):
            await replay_of(pipeline, queue, builds, options).plan()
    builds.close()
    await queue.close()


# --- what would be lost --------------------------------------------------------------------------


async def test_two_replays_that_were_planned_at_once(pipeline: Pipeline, seed: int) -> None:
    """The one that begins later is refused then, and nothing is made twice."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 100)
    replay = replay_of(pipeline, queue, builds)
    plan = await replay.plan()
    build = builds.begin(VERSIONS)
    with builds.hold(build), pytest.raises(BuildInUseError, match=f"build {build.name}"):
        await replay.run(plan)
    assert [build] == list(builds.others())
    builds.close()
    await queue.close()


async def test_a_shorter_build_is_refused(pipeline: Pipeline) -> None:
    """Where the log begins after what the view has; what was asked for is done."""
    queue = opened(pipeline)
    await collected(pipeline, queue, None, 300)
    before = answers(pipeline.views)
    cut = queue.log.partition(pipeline.place.at(2)).watermarks.high_watermark // 2
    queue.log.partition(pipeline.place.at(2)).delete_before(cut)

    with pytest.raises(ReplayRefusedError, match=rf"{cut - 1} of partition 2.*--allow-shorter"):
        await replayed(pipeline, queue)
    assert before == answers(pipeline.views)

    _, report = await replayed(pipeline, queue, ReplayOptions(allow_shorter=True))
    assert report.is_current
    assert (await pipeline.expected(queue)).rows == answers(pipeline.views).rows != before.rows
    assert before.next_offsets == answers(pipeline.views).next_offsets
    await queue.close()


async def test_retention_that_goes_on_between_plan_and_fill(pipeline: Pipeline) -> None:
    """The new build begins later than was planned, and no gap says so: that is refused as well."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, None, 300)
    before = answers(pipeline.views)
    replay = replay_of(pipeline, queue, builds)
    plan = await replay.plan()
    queue.log.partition(pipeline.place.at(2)).delete_before(30)

    with pytest.raises(ReplayRefusedError, match="0 to 29 of partition 2"):
        await asyncio.wait_for(replay.run(plan), WAIT_S)
    assert before == answers(pipeline.views)
    builds.close()
    await queue.close()


async def test_old_samples_that_stand_further_on(pipeline: Pipeline) -> None:
    """As replayed dead letters do: what the log has lost is told by offsets, and not by times."""
    queue = opened(pipeline)
    at = pipeline.place.at(0).partition
    events = [event(row) for row in range(1, 40)] + [event(0, source="b")]
    await pipeline.publish(queue, [NewRecord(each, None, at, START_MS) for each in events])
    async with pipeline.collector():
        await pipeline.applied(queue)
    before = answers(pipeline.views)
    queue.log.partition(pipeline.place.at(0)).delete_before(20)

    with pytest.raises(ReplayRefusedError, match="0 to 19 of partition 0"):
        await replayed(pipeline, queue)
    assert before == answers(pipeline.views)
    await queue.close()


async def test_an_old_view_that_cannot_be_asked_for_now(pipeline: Pipeline, seed: int) -> None:
    """It is no view that cannot be read at all: nothing is made in its place unasked."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 100)

    def busy(build: Build) -> ViewStatus:
        raise ViewUnavailableError(f"build {build.name} is locked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builds, "status", busy)
        with pytest.raises(ViewUnavailableError, match="locked"):
            await replay_of(pipeline, queue, builds).plan()
    assert not builds.others()
    builds.close()
    await queue.close()


async def test_a_log_that_begins_where_the_view_does(pipeline: Pipeline, seed: int) -> None:
    """Nothing is lost that the view ever had."""
    queue = opened(pipeline)
    await pipeline.publish(queue, random_records(Random(seed), 300, partitions=PARTITIONS))
    for number in range(PARTITIONS):
        queue.log.partition(pipeline.place.at(number)).delete_before(20)
    async with pipeline.collector():
        await pipeline.applied(queue)
    before = answers(pipeline.views)

    plan, report = await replayed(pipeline, queue)

    assert not plan.is_shorter
    assert report.is_current
    assert before == answers(pipeline.views)
    await queue.close()


async def test_damage_that_came_after_the_view(pipeline: Pipeline) -> None:
    """What turns out to be missing on the way is refused as well, and the old build stays."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, None, 300)
    before = answers(pipeline.views)
    queue.log.partition(pipeline.place.at(1)).damage(10, 20)

    with pytest.raises(ReplayRefusedError, match="10 to 19 of partition 1"):
        await replayed(pipeline, queue)
    assert before == answers(pipeline.views)
    assert 1 == len(builds.others())

    _, report = await replayed(pipeline, queue, ReplayOptions(allow_shorter=True))
    assert (True, True) == (report.is_current, report.is_resumed)
    assert (await pipeline.expected(queue)).rows == answers(pipeline.views).rows != before.rows
    builds.close()
    await queue.close()


async def test_another_log_under_the_same_name(pipeline: Pipeline, seed: int) -> None:
    """Nothing of the old view can be had again: that is asked for, and then it follows the new log."""
    queue = opened(pipeline)
    await collected(pipeline, queue, Random(seed), 100)
    queue.log.delete_topic("gpu.telemetry")
    await pipeline.publish(queue, random_records(Random(seed + 1), 150, partitions=PARTITIONS))

    with pytest.raises(ReplayRefusedError, match="another log"):
        await replayed(pipeline, queue)
    _, report = await replayed(pipeline, queue, ReplayOptions(allow_shorter=True))

    assert report.is_current
    assert (await pipeline.expected(queue)).rows == answers(pipeline.views).rows
    async with pipeline.collector():
        await pipeline.applied(queue)
    await queue.close()


async def test_a_plan_changes_nothing(pipeline: Pipeline, seed: int) -> None:
    """It says what would be read; nothing is begun."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 100)
    before = answers(pipeline.views), builds.listing()

    plan = await replay_of(pipeline, queue, builds, NONE).plan()

    assert before == (answers(pipeline.views), builds.listing())
    marks = await queue.watermarks(await queue.partitions_of("gpu.telemetry"))
    assert {at.partition: (0, mark.high_watermark) for at, mark in marks.items()} == {
        number: (each.start, each.end) for number, each in plan.ranges.items()
    }
    builds.close()
    await queue.close()
