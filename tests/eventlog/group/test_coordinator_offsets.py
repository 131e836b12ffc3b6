"""The coordinator: commits, fetches, topics that go, and expiry."""

from __future__ import annotations

import asyncio
import logging
import uuid

import attrs
import pytest

from eventlog.group import GroupError, Leaver
from eventlog.group.commit import CommitRequest, OffsetToCommit
from tests.eventlog.group.living_coordinator import SETTINGS, LivingCoordinator, begun
from tests.reliability.disks.faulty import Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import RecordingDisk

DAY_MS = 24 * 3600 * 1000
WEEK_MS = 7 * DAY_MS


# --- commit and fetch ---------------------------------------------------------------------------


async def test_offsets_survive_a_restart() -> None:
    """Those of members and of simple consumers, with their metadata."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        assert await living.commit(5, joined, metadata="är") is None
        assert await living.commit(6, joined, topic="u", partition=3) is None
        assert await living.commit(7, group_id="simple") is None
        await living.restart()
        assert {("t", 0): 5, ("u", 3): 6} == await living.fetch()
        assert {("t", 0): 7} == await living.fetch("simple")
        assert [("g", "t", 0, 5), ("g", "u", 3, 6), ("simple", "t", 0, 7)] == list(living.groups.committed())
        found = await living.groups.committed_by("g", [("t", 0), ("t", 1), ("nothing", 9)])
        assert not isinstance(found, GroupError)
        assert {("t", 0): "är", ("t", 1): None, ("nothing", 9): None} == {
            at: committed and committed.metadata for at, committed in found.items()
        }


async def test_each_partition_has_an_answer() -> None:
    """What cannot be committed does not stop the others."""
    async with LivingCoordinator(attrs.evolve(SETTINGS, offset_metadata_bytes_max=4)) as living:
        asked = (
            OffsetToCommit("t", 0, 1, 0, "1234"),
            OffsetToCommit("t", 1, 1, 0, "123é"),
            OffsetToCommit("t", 2, -1),
            OffsetToCommit("t", 4, 1),
            OffsetToCommit("x", 0, 1),
        )
        answers = await living.groups.commit(CommitRequest("g", "", -1, asked))
        assert [
            None,
            GroupError.OFFSET_METADATA_TOO_LARGE,
            GroupError.INVALID_REQUEST,
            GroupError.UNKNOWN_TOPIC_OR_PARTITION,
            GroupError.UNKNOWN_TOPIC_OR_PARTITION,
        ] == list(answers.values())
        assert {("t", 0): 1} == await living.fetch()
        refused = await living.groups.commit(CommitRequest("h", "", -1, asked[1:]))
        assert None not in refused.values()
        assert {} == await living.fetch("h")


async def test_a_partition_that_is_named_twice() -> None:
    """Each offset is judged by itself: one that is refused is not written with the other."""
    async with LivingCoordinator() as living:
        too_much = OffsetToCommit("t", 0, 1, -1, "x" * 100_000)
        for offsets in ((too_much, OffsetToCommit("t", 0, 2)), (OffsetToCommit("t", 0, 3), too_much)):
            await living.groups.commit(CommitRequest("g", "", -1, offsets))
        assert {("t", 0): 3} == await living.fetch()


async def test_a_simple_consumer_may_not_commit_for_members() -> None:
    """Nor an old generation; when the last member has left it may again."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        assert GroupError.UNKNOWN_MEMBER_ID is await living.commit(1)
        old = attrs.evolve(joined, generation=joined.generation - 1)
        assert GroupError.ILLEGAL_GENERATION is await living.commit(1, old)
        living.groups.leave("g", [Leaver(joined.member_id)])
        assert await living.commit(1) is None


async def test_only_what_is_durable_is_fetched() -> None:
    """Unless the caller wants to wait for what is under way."""
    async with LivingCoordinator() as living:
        waits = await begun(living.commit(1))
        assert {} == await living.fetch()
        found = await living.groups.committed_by("g", None, require_stable=True)
        assert not isinstance(found, GroupError)
        assert [("t", 0)] == list(found)
        assert await waits is None
        assert found == await living.groups.committed_by("g", None, require_stable=True)


async def test_what_the_volume_refuses_can_be_tried_again() -> None:
    """COORDINATOR_NOT_AVAILABLE, and nothing of it is shown; so for deletions."""
    faulty = FaultyDisk(RecordingDisk())
    async with LivingCoordinator(attrs.evolve(SETTINGS, upkeep_interval_ms=10_000), faulty) as living:
        joined = await living.member()
        await living.commit(1, group_id="h")
        faulty.reset(Fault(Kind.FLUSH, 1, once=False))
        refused = GroupError.COORDINATOR_NOT_AVAILABLE
        assert refused is await living.commit(2, joined)
        assert refused is await living.commit(3, joined)
        assert refused is await living.groups.delete("h")
        await living.groups.forget_topics(["t"])
        assert ({}, {("t", 0): 1}) == (await living.fetch(), await living.fetch("h"))
        faulty.reset(None)
        await living.groups.upkeep()
        assert await living.commit(4, joined) is None
        assert await living.groups.delete("h") is None


# --- topics that go -----------------------------------------------------------------------------


async def test_a_topic_that_is_made_again_inherits_nothing() -> None:
    """From the moment in which it is gone, forgotten or not."""
    async with LivingCoordinator() as living:
        await living.commit(5)
        await living.commit(6, topic="u")
        del living.topics["t"]
        assert {("u", 0): 6} == await living.fetch()
        living.topics["t"] = uuid.uuid4()
        assert {("u", 0): 6} == await living.fetch()
        await living.commit(1, partition=1)
        await living.groups.forget_topics(["t", "u", "x"])
        assert [("g", "u", 0, 6), ("g", "t", 1, 1)] == list(living.groups.committed())
        await living.groups.forget_topics(["t"])
        await living.restart()
        assert {("t", 1): 1, ("u", 0): 6} == await living.fetch()


async def test_a_commit_under_way_goes_with_its_topic() -> None:
    """Also one that becomes durable after the topic has gone."""
    async with LivingCoordinator() as living:
        waits = await begun(living.commit(5))
        del living.topics["t"]
        await living.groups.forget_topics(["t"])
        assert await waits is None
        assert [] == list(living.groups.committed())


async def test_a_start_drops_the_offsets_of_topics_that_went() -> None:
    """A broker that was killed before it could forget them."""
    async with LivingCoordinator() as living:
        await living.commit(5)
        await living.stop()
        living.topics["t"] = uuid.uuid4()
        await living.start()
        assert [] == list(living.groups.committed())


# --- expiry -------------------------------------------------------------------------------------


async def test_offsets_of_simple_consumers_expire() -> None:
    """A week after each commit, and durably."""
    async with LivingCoordinator() as living:
        await living.commit(1)
        living.clock.advance(DAY_MS)
        await living.commit(2, partition=1)
        living.clock.advance(WEEK_MS - DAY_MS - 1)
        assert 0 == await living.groups.expire()
        living.clock.advance(1)
        assert 1 == await living.groups.expire()
        assert {("t", 1): 2} == await living.fetch()
        await living.restart()
        assert {("t", 1): 2} == await living.fetch()


async def test_offsets_of_members_expire_a_week_after_the_last_one_left() -> None:
    """Not while there are members, whatever their subscription; restarts do not begin the week anew."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        await living.commit(1, joined)
        await living.commit(2, joined, topic="u")
        living.clock.advance(WEEK_MS // 2)
        living.groups.leave("g", [Leaver(joined.member_id)])
        await living.groups.flush()
        living.clock.advance(WEEK_MS - 1)
        await living.restart()
        assert 0 == await living.groups.expire()
        living.clock.advance(1)
        assert 2 == await living.groups.expire()
        assert [] == list(living.groups.committed())


async def test_offsets_of_topics_that_nobody_reads_any_more() -> None:
    """Expire while the others stay, in a stable group only."""
    async with LivingCoordinator() as living:
        joined = await living.join(session_timeout_ms=1_000_000_000)
        await living.sync(joined)
        await living.commit(1, joined)
        await living.commit(2, joined, topic="u")
        living.clock.advance(WEEK_MS)
        waits = await begun(living.join())
        assert 0 == await living.groups.expire()
        again = await living.join(member_id=joined.member_id, session_timeout_ms=1_000_000_000)
        await living.sync(again)
        await waits
        assert 1 == await living.groups.expire()
        assert {("t", 0): 1} == await living.fetch()


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000, 10 * 365 * DAY_MS])
async def test_a_stepped_clock_expires_nothing(jump_ms: int, caplog: pytest.LogCaptureFixture) -> None:
    """Until it is back; and it is told once."""
    async with LivingCoordinator() as living:
        await living.commit(1)
        living.clock.jump(jump_ms)
        living.clock.advance(2 * WEEK_MS)
        with caplog.at_level(logging.WARNING):
            assert [0, 0] == [await living.groups.expire() for _ in range(2)]
            living.clock.jump(-jump_ms)
            assert 1 == await living.groups.expire()
        told = [each.getMessage() for each in caplog.records if getattr(each, "action", "") == "expire"]
        assert ["the wall clock was stepped; offsets are kept", "expiry of offsets resumes"] == told


async def test_a_group_that_commits_at_this_moment_is_not_judged() -> None:
    """Its offsets are not old."""
    async with LivingCoordinator() as living:
        await living.commit(1)
        living.clock.advance(WEEK_MS)
        waits = await begun(living.commit(2))
        assert 0 == await living.groups.expire()
        assert await waits is None
        assert {("t", 0): 2} == await living.fetch()


async def test_expiry_that_the_volume_refuses() -> None:
    """Is tried again at the next turn."""
    faulty = FaultyDisk(RecordingDisk())
    async with LivingCoordinator(attrs.evolve(SETTINGS, upkeep_interval_ms=10_000), faulty) as living:
        await living.commit(1)
        living.clock.advance(WEEK_MS)
        faulty.reset(Fault(Kind.FLUSH, 1))
        assert 0 == await living.groups.expire()
        assert {("t", 0): 1} == await living.fetch()
        assert 1 == await living.groups.expire()


# --- notes on members ---------------------------------------------------------------------------


async def test_a_note_that_was_refused_is_written_again() -> None:
    """Whether alone or with a commit."""
    faulty = FaultyDisk(RecordingDisk())
    async with LivingCoordinator(attrs.evolve(SETTINGS, upkeep_interval_ms=10_000), faulty) as living:
        await living.commit(1)
        faulty.reset(Fault(Kind.FLUSH, 1, once=False))
        joined = await living.member()
        await asyncio.sleep(0.01)
        assert GroupError.COORDINATOR_NOT_AVAILABLE is await living.commit(2, joined)
        living.groups.leave("g", [Leaver(joined.member_id)])
        joined = await living.member()
        faulty.reset(None)
        await living.groups.upkeep()
        await living.groups.flush()
        living.clock.advance(WEEK_MS)
        await living.restart()
        assert "consumer" == living.groups.describe("g").protocol_type
        assert 0 == await living.groups.expire()
