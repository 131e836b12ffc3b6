"""Commits that wait, fail, and are not ours any more."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from eventlog.client import TopicPartition
from eventlog.client.errors import (
    BrokerUnavailableError,
    EventLogError,
    RebalanceInProgressError,
    StaleGenerationError,
)
from eventlog.client.memory_subscription import MemorySubscription
from ingest.clock import SystemClock
from ingest.collector_counters import CollectorCounters
from ingest.group_commits import GroupCommits
from ingest.log_ends import LogEnds
from ingest.topics import TELEMETRY
from tests.ingest.collecting.running import PARTITIONS, TelemetryInMemory


class Reader(MemorySubscription):
    """Has partitions 0 and 1, and refuses commits on demand."""

    def __init__(self) -> None:
        self.error: EventLogError | None = None
        self.committed: list[Mapping[int, int]] = []

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset({TopicPartition(TELEMETRY, 0), TopicPartition(TELEMETRY, 1)})

    async def commit(self, offsets: Mapping[TopicPartition, int], metadata: str = "") -> None:
        if self.error is not None:
            raise self.error
        self.committed.append({at.partition: offset for at, offset in offsets.items()})


async def some_commits() -> GroupCommits:
    queue = TelemetryInMemory().open()
    topic = await queue.ensure_topic(TELEMETRY, PARTITIONS)
    await queue.close()
    return GroupCommits(LogEnds(queue, topic, SystemClock()), "view:v", CollectorCounters())


async def test_the_newest_is_committed_once() -> None:
    """What was applied in between needs no commit of its own, and nothing is committed twice."""
    commits, reader = await some_commits(), Reader()
    for offset in (5, 7):
        commits.applied({0: offset})
    await commits.commit(reader)
    await commits.commit(reader)
    assert [{0: 7}] == reader.committed


@pytest.mark.parametrize("error", [RebalanceInProgressError("later"), BrokerUnavailableError("away")])
async def test_what_could_not_be_committed_waits(error: EventLogError) -> None:
    """The next commit carries it."""
    commits, reader = await some_commits(), Reader()
    commits.applied({0: 5})
    reader.error = error
    await commits.commit(reader)
    reader.error = None
    await commits.commit(reader)
    assert [{0: 5}] == reader.committed


async def test_what_the_group_refuses_is_dropped() -> None:
    """Somebody else has the partitions, and commits for them."""
    commits, reader = await some_commits(), Reader()
    commits.applied({0: 5})
    reader.error = StaleGenerationError("gone")
    await commits.commit(reader)
    reader.error = None
    await commits.commit(reader)
    assert [] == reader.committed


async def test_only_what_is_ours_is_committed() -> None:
    """A partition that is not assigned, or was forgotten, is left to its owner."""
    commits, reader = await some_commits(), Reader()
    commits.applied({0: 5, 1: 6, 3: 7})
    commits.forget(frozenset({1}))
    await commits.commit(reader)
    assert [{0: 5}] == reader.committed


async def test_a_part_of_it() -> None:
    """What goes is committed by itself; the others keep their turn."""
    commits, reader = await some_commits(), Reader()
    commits.applied({0: 5, 1: 6})
    await commits.commit(reader, frozenset({1}))
    await commits.commit(reader)
    assert [{1: 6}, {0: 5}] == reader.committed
