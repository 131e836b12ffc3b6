"""Views that cannot be used are made anew by the collectors together, while what can be read is read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from ingest.projections import VERSIONS
from ingest.renewal import Renewal
from ingest.renewing import RenewingWriter
from ingest.topics import DEAD_LETTERS
from query.views.building import Builds
from query.views.errors import AnotherLogError, OtherBuildError, ViewError
from query.views.model import Build, RefusedLog
from query.views.opening import open_builds, open_writer
from query.views.store import ViewWriter
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.running import PARTITIONS, Pipeline, TelemetryInMemory, read_all, until
from tests.ingest.replay.replaying import (
    answers,
    build_name,
    collected,
    opened,
    renewing_collector,
)

NEWER = dict(VERSIONS) | {"latest": VERSIONS["latest"] + 1}


def renewing(pipeline: Pipeline, builds: Builds, projections: dict[str, int]) -> ViewWriter:
    """A writer as collectors have it."""
    return RenewingWriter(
        builds,
        partial(open_writer, pipeline.views, projections=projections, retention_ms=None),
        projections=projections,
        retention_ms=None,
        renewal=Renewal(),
    )


def is_another(views: str, old: str) -> bool:
    """Whether another build can be read."""
    try:
        return build_name(views) != old
    except ViewError:
        return False


@pytest.mark.parametrize("pipeline", ["memory", "sqlite", "postgres"], indirect=True)
async def test_another_version_is_built_beside_the_old_one(pipeline: Pipeline, seed: int) -> None:
    """Three collectors do it together; until it is as far, the old build answers; none is left over."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 600)
    before, old = answers(pipeline.views), build_name(pipeline.views)
    letters = await read_all(queue, DEAD_LETTERS)

    async with AsyncExitStack() as stack:
        renewals = [
            (await stack.enter_async_context(renewing_collector(pipeline, projections=NEWER)))[1]
            for _ in range(3)
        ]
        while build_name(pipeline.views) == old:
            assert before == answers(pipeline.views)
            await asyncio.sleep(0.01)
        await until(lambda: answers(pipeline.views).next_offsets == before.next_offsets)
        await until(lambda: all(renewal.next_name is None for renewal in renewals))

        assert before == answers(pipeline.views)
        found = builds.current()
        assert found is not None
        assert NEWER == dict(found.projections)
        await pipeline.publish(
            queue, random_records(Random(seed + 1), 100, partitions=PARTITIONS, first_row=600)
        )
        await pipeline.applied(queue)
    assert (await pipeline.expected(queue)).rows == answers(pipeline.views).rows
    assert any(renewal.finished for renewal in renewals)
    assert [] == list(builds.others())
    assert letters == (await read_all(queue, DEAD_LETTERS))[: len(letters)]
    assert len(await read_all(queue, DEAD_LETTERS)) == len((await pipeline.expected(queue)).poison)
    builds.close()
    await queue.close()


async def test_a_newer_version_is_left_alone(pipeline: Pipeline, seed: int) -> None:
    """An older program says so and ends: two that replace each other's builds would never end."""
    queue = opened(pipeline)
    async with renewing_collector(pipeline, projections=NEWER):
        await pipeline.publish(queue, random_records(Random(seed), 50, partitions=PARTITIONS))
        await pipeline.applied(queue)
    builds = open_builds(pipeline.views)
    writer = renewing(pipeline, builds, dict(VERSIONS))
    with pytest.raises(OtherBuildError):
        writer.maintain(0)
    writer.close()
    builds.close()
    await queue.close()


async def test_an_old_view_of_another_log(pipeline: Pipeline, seed: int) -> None:
    """Nothing is applied to any build, and the line names what to do; it is noted in the one that is read."""
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 50)
    before = answers(pipeline.views)
    writer = renewing(pipeline, builds, NEWER)
    with pytest.raises(AnotherLogError, match="gputail replay --allow-shorter"):
        writer.partition_states("gpu.telemetry", "another")
    refused = RefusedLog("another", "it is another log", 1)
    writer.refuse_log(refused)
    [beside] = builds.others()
    current = builds.current()
    assert current is not None
    assert refused == builds.status(current).refused_log
    assert builds.status(beside).refused_log is None
    assert before == answers(pipeline.views)
    writer.close()
    builds.close()
    await queue.close()


@pytest.mark.parametrize("damage", ["view.sqlite", "CURRENT"])
async def test_a_build_that_is_dropped_while_it_is_joined(tmp_path: Path, seed: int, damage: str) -> None:
    """By a replay that begins anew, say: the collector makes another one, and does not end."""
    pipeline = Pipeline(TelemetryInMemory(), f"sqlite:///{tmp_path}/views")
    queue, builds = opened(pipeline), open_builds(pipeline.views)
    await collected(pipeline, queue, Random(seed), 50)
    old, real, dropped = build_name(pipeline.views), builds.begin_or_join, list[Build]()

    def join(projections: Mapping[str, int]) -> Build:
        build = real(projections)
        if not dropped:
            dropped.append(build)
            builds.drop(build)
        return build

    writer = RenewingWriter(
        builds,
        partial(open_writer, pipeline.views, projections=VERSIONS, retention_ms=None),
        projections=VERSIONS,
        retention_ms=None,
        renewal=Renewal(),
    )
    if damage == "CURRENT":
        (tmp_path / "views" / damage).write_text("nothing")
    else:
        (tmp_path / "views" / old / damage).write_bytes(b"no database" * 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builds, "begin_or_join", join)
        assert writer.build.name not in {old, dropped[0].name}
    writer.close()
    builds.close()
    await queue.close()


@pytest.mark.parametrize("what", ["all", "database", "bytes", "name"])
async def test_a_view_that_goes_under_a_running_collector(tmp_path: Path, seed: int, what: str) -> None:
    """Whoever notices first makes an empty build current; it is filled though nothing new comes."""
    pipeline = Pipeline(TelemetryInMemory(), f"sqlite:///{tmp_path}/views")
    queue, random = opened(pipeline), Random(seed)
    await pipeline.publish(queue, random_records(random, 300, partitions=PARTITIONS))
    async with renewing_collector(pipeline) as (_, first), renewing_collector(pipeline) as (_, second):
        await pipeline.applied(queue)
        before, old = answers(pipeline.views), build_name(pipeline.views)
        letters = await read_all(queue, DEAD_LETTERS)
        folder = tmp_path / "views"
        if what == "all":
            folder.rename(tmp_path / "gone")
        elif what == "database":
            (folder / old / "view.sqlite").unlink()
        elif what == "name":
            (folder / "CURRENT").write_text("nothing")
        else:
            # As a volume that was put back from elsewhere: other files under the same names.
            (folder / old / "view.sqlite").rename(tmp_path / "aside")
            (folder / old / "view.sqlite").write_bytes(b"no database" * 1000)

        await until(lambda: is_another(pipeline.views, old))
        await pipeline.applied(queue)
        assert before == answers(pipeline.views)
        assert letters == await read_all(queue, DEAD_LETTERS)
        begun = first.begun + second.begun
    assert sum(begun.values()) >= 1
    assert set(begun) <= {"deleted", "gone", "damaged"}
    await queue.close()
