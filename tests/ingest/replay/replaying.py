"""Replays at work on the pipelines of the collectors' tests, and what a view answers, in one value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from random import Random

import attrs

from eventlog.client import InMemoryMessageQueue, NewRecord
from ingest.clock import SystemClock
from ingest.collector import Collector
from ingest.projections import VERSIONS
from ingest.renewal import Renewal
from ingest.renewing import RenewingWriter
from ingest.replay.course import Replay, ReplayOptions
from ingest.replay.part import PartReplay
from ingest.replay.plan import Plan
from ingest.replay.report import Report
from query.views.building import Builds
from query.views.opening import open_builds, open_reader, open_writer
from query.views.store import ViewReader, ViewWriter
from tests.ingest.collecting.events import START_MS, event, random_records
from tests.ingest.collecting.naive_fold import Row, rows_of_view
from tests.ingest.collecting.running import PARTITIONS, QUICK, WAIT_S, Pipeline

NONE = ReplayOptions()
SMALL = attrs.evolve(QUICK, batch_records=40)
"""Batches so small that a replay takes many."""


@attrs.frozen
class Answers:
    """All that a view says, but for its build and what depends on the time of asking."""

    rows: list[Row]
    gpus: list[object]
    latest: list[object]
    next_offsets: Mapping[int, int]


def answers(views: str) -> Answers:
    """What it says now."""
    reader = open_reader(views)
    try:
        return answers_of(reader)
    finally:
        reader.close()


def answers_of(reader: ViewReader) -> Answers:
    """The same of a reader that is open."""
    gpus = reader.gpus()
    latest = [each for gpu in gpus for each in reader.latest_of_gpu(gpu.id)]
    return Answers(rows_of_view(reader), list(gpus), list(latest), dict(reader.as_of()))


def build_name(views: str) -> str:
    """The build that is read."""
    reader = open_reader(views)
    try:
        return reader.status().build.name
    finally:
        reader.close()


def replay_of(
    pipeline: Pipeline,
    queue: InMemoryMessageQueue,
    builds: Builds,
    options: ReplayOptions = NONE,
    *,
    projections: Mapping[str, int] = VERSIONS,
) -> Replay:
    """A replay of the pipeline's views."""
    return Replay(
        queue,
        builds,
        partial(open_reader, pipeline.views),
        projections=projections,
        retention_ms=None,
        options=options,
        settings=SMALL,
        clock=SystemClock(),
    )


async def replayed(
    pipeline: Pipeline, queue: InMemoryMessageQueue, options: ReplayOptions = NONE
) -> tuple[Plan, Report]:
    """Plan and run one, to its end."""
    builds = open_builds(pipeline.views)
    replay = replay_of(pipeline, queue, builds, options)
    try:
        async with asyncio.timeout(WAIT_S):
            plan = await replay.plan()
            return plan, await replay.run(plan)
    finally:
        builds.close()


def part_of(queue: InMemoryMessageQueue, builds: Builds) -> PartReplay:
    """A replay of a part."""
    return PartReplay(queue, builds, projections=VERSIONS, settings=SMALL, clock=SystemClock())


def opened(pipeline: Pipeline) -> InMemoryMessageQueue:
    """The pipeline's log."""
    queue = pipeline.place.open()
    assert isinstance(queue, InMemoryMessageQueue)
    return queue


def plain_records(count: int) -> list[NewRecord]:
    """Records as streamers publish them: a GPU has one partition, in which times grow."""
    return [
        NewRecord(event(row, gpu=row % PARTITIONS), None, row % PARTITIONS, START_MS + row)
        for row in range(count)
    ]


async def collected(
    pipeline: Pipeline, queue: InMemoryMessageQueue, random: Random | None, count: int
) -> None:
    """Publish records, plain ones without a random, and have a collector apply them."""
    await pipeline.publish(
        queue,
        plain_records(count) if random is None else random_records(random, count, partitions=PARTITIONS),
    )
    async with pipeline.collector():
        await pipeline.applied(queue)


@asynccontextmanager
async def renewing_collector(
    pipeline: Pipeline, *, projections: Mapping[str, int] = VERSIONS
) -> AsyncGenerator[tuple[Collector, Renewal]]:
    """A collector that makes views anew, as `gputail collect` has it."""
    renewal, builds = Renewal(), open_builds(pipeline.views)

    def write() -> ViewWriter:
        return RenewingWriter(
            builds,
            partial(open_writer, pipeline.views, projections=projections, retention_ms=None),
            projections=projections,
            retention_ms=None,
            renewal=renewal,
        )

    async with pipeline.collector(open_writer=write, settings=SMALL) as collector:
        yield collector, renewal
    builds.close()
