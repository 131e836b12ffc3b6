"""The coordinator: groups in a running loop, their end, and what tools are told."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import attrs
import pytest

from eventlog.group import GroupError, GroupSettings, GroupState, JoinReply, Leaver, SyncRequest, live_group
from eventlog.group.coordinator import CoordinatorSettings
from eventlog.group.live_group import LiveGroup
from tests.eventlog.group.living_coordinator import SETTINGS, LivingCoordinator, begun
from tests.eventlog.storage.patience import until

# --- membership ---------------------------------------------------------------------------------


async def test_two_members_share_a_generation() -> None:
    """Joins wait for each other, syncs for the leader's."""
    async with LivingCoordinator() as living:
        first = await living.member()
        second = await begun(living.join())
        assert GroupError.REBALANCE_IN_PROGRESS is living.groups.heartbeat(
            "g", first.member_id, first.generation, None
        )
        again = await living.join(member_id=first.member_id)
        joined = await second
        assert (2, 2, first.member_id) == (again.generation, joined.generation, joined.leader_id)
        waits = await begun(living.sync(joined))
        assert not waits.done()
        assert b"all" == (await living.sync(again)).assignment
        assert (None, b"") == ((await waits).error, (await waits).assignment)
        assert living.groups.heartbeat("g", joined.member_id, 2, None) is None


async def test_who_is_not_known_is_told_so() -> None:
    """Every call of a member of a group that nobody has joined since the start."""
    async with LivingCoordinator() as living:
        unknown = GroupError.UNKNOWN_MEMBER_ID
        assert unknown is (await living.join(member_id="m")).error
        assert unknown is (await living.groups.sync("g", SyncRequest("m", 1))).error
        assert unknown is living.groups.heartbeat("g", "m", 1, None)
        left = living.groups.leave("g", [Leaver("m", "i")])
        assert (None, [("m", "i", unknown)]) == (left.error, [attrs.astuple(each) for each in left.members])
        assert [] == living.groups.groups()


@pytest.mark.parametrize("group_id", ["", "g" * 1025])
async def test_a_group_id_that_cannot_be(group_id: str) -> None:
    """Is refused by every call."""
    async with LivingCoordinator() as living:
        invalid = GroupError.INVALID_GROUP_ID
        assert invalid is (await living.join(group_id)).error
        assert invalid is (await living.groups.sync(group_id, SyncRequest("m", 1))).error
        assert invalid is living.groups.heartbeat(group_id, "m", 1, None)
        assert invalid is living.groups.leave(group_id, []).error
        assert invalid is await living.commit(1, group_id=group_id)
        assert invalid is await living.groups.committed_by(group_id, None)
        assert invalid is await living.groups.delete(group_id)


def only(living: LivingCoordinator) -> LiveGroup:
    """The one group that is in memory."""
    (live,) = living.groups._live.values()
    return live


async def test_a_silent_member_is_given_up() -> None:
    """By the timer, when its session has run out on the clock."""
    async with LivingCoordinator() as living:
        await living.sync(await living.join(session_timeout_ms=5))
        living.clock.advance(6)
        await until(lambda: not living.groups.describe("g").members, 0.001)
        assert GroupState.EMPTY is living.groups.describe("g").state


@pytest.mark.parametrize("is_heard", [True, False])
async def test_after_a_stall_members_are_heard_first(is_heard: bool) -> None:
    """What they sent while the loop was held up counts; who sent nothing is given up a little later."""
    with patch.object(live_group, "GRACE_S", 600.0):
        async with LivingCoordinator() as living:
            joined = await living.join(session_timeout_ms=5)
            await living.sync(joined)
            living.clock.advance(5 + live_group.STALL_MS + 2)
            live = only(living)
            await until(lambda: live._grace_end_s is not None, 0.001)
            assert 1 == len(living.groups.describe("g").members)
            if is_heard:
                assert living.groups.heartbeat("g", joined.member_id, joined.generation, None) is None
            assert live._timer is not None
            assert live._timer.when() == live._grace_end_s
            live._due()  # as the timer does
            assert only(living)._grace_end_s is None
            assert int(is_heard) == len(living.groups.describe("g").members)


@pytest.mark.parametrize("jump_ms", [-3_600_000, 3_600_000, 10 * 365 * 24 * 3_600_000])
async def test_a_stepped_clock_evicts_nobody(jump_ms: int) -> None:
    """Sessions go by a clock that is never set."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        living.clock.jump(jump_ms)
        await living.groups.upkeep()
        assert living.groups.heartbeat("g", joined.member_id, joined.generation, None) is None
        only(living)._expire()
        assert 1 == len(living.groups.describe("g").members)
        assert await living.commit(1, joined) is None


async def test_a_wait_whose_caller_goes_away_leaves_nothing() -> None:
    """The member stays until its session ends; its answer finds nobody."""
    async with LivingCoordinator() as living:
        first = await living.member()
        gone = await begun(living.join())
        gone.cancel()
        await asyncio.wait([gone])
        live = only(living)
        assert 0 == live.waiting_count
        assert 2 == len(living.groups.describe("g").members)
        again = await living.join(member_id=first.member_id)
        assert (None, 2, 2) == (again.error, again.generation, len(again.members))
        assert 0 == live.waiting_count


# --- how many -----------------------------------------------------------------------------------


async def test_the_number_of_groups_is_bounded() -> None:
    """Joins and commits of one more are refused; a group that is there goes on, unused ones make room."""
    settings = attrs.evolve(SETTINGS, groups_max=2)
    async with LivingCoordinator(settings) as living:
        joined = await living.member("a")
        assert await living.commit(1, group_id="b") is None
        full = GroupError.GROUP_MAX_SIZE_REACHED
        assert full is (await living.join("c")).error
        assert full is await living.commit(1, group_id="c")
        assert await living.commit(2, group_id="b") is None
        assert (await living.join("b")).error is None
        living.groups.leave("a", [Leaver(joined.member_id)])
        assert await living.commit(1, group_id="c") is None
        assert ["b", "c"] == [group.group_id for group in living.groups.groups()]


async def test_groups_without_members_and_offsets_are_forgotten() -> None:
    """At the time of expiry."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        await living.groups.expire()
        assert 1 == len(living.groups.groups())
        living.groups.leave("g", [Leaver(joined.member_id)])
        living.clock.advance(SETTINGS.expiry_interval_ms)
        await living.groups.upkeep()
        assert [] == living.groups.groups()


# --- tools --------------------------------------------------------------------------------------


async def test_descriptions() -> None:
    """A stable group, one with nothing but offsets, and none."""
    async with LivingCoordinator() as living:
        await living.member("a")
        await living.commit(1, group_id="b")
        stable, simple = living.groups.groups()
        assert ("a", GroupState.STABLE, "consumer", "range", 1) == (
            stable.group_id,
            stable.state,
            stable.protocol_type,
            stable.protocol,
            stable.generation,
        )
        assert [b"all"] == [member.assignment for member in stable.members]
        assert ("b", GroupState.EMPTY, "") == (simple.group_id, simple.state, simple.protocol_type)
        assert GroupState.DEAD is living.groups.describe("c").state


async def test_what_members_were_is_known_after_a_restart() -> None:
    """So that tools still show a consumer group, and while one joins again."""
    async with LivingCoordinator() as living:
        await living.commit(1, await living.member())
        await living.restart()
        assert "consumer" == living.groups.describe("g").protocol_type
        assert (await living.join(protocols=())).error is GroupError.INCONSISTENT_GROUP_PROTOCOL
        assert "consumer" == living.groups.describe("g").protocol_type


async def test_deletion() -> None:
    """Takes the offsets too; refused while there are members, or where there is nothing."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        await living.commit(1, joined)
        assert GroupError.NON_EMPTY_GROUP is await living.groups.delete("g")
        living.groups.leave("g", [Leaver(joined.member_id)])
        assert await living.groups.delete("g") is None
        assert GroupError.GROUP_ID_NOT_FOUND is await living.groups.delete("g")
        await living.restart()
        assert {} == await living.fetch()
        await living.member("without offsets")
        await living.restart()
        await living.commit(1, group_id="simple")
        assert await living.groups.delete("simple") is None


async def test_deletion_of_a_group_that_has_no_offsets() -> None:
    """Only memory has it."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        living.groups.leave("g", [Leaver(joined.member_id)])
        assert await living.groups.delete("g") is None
        assert [] == living.groups.groups()


# --- the end ------------------------------------------------------------------------------------


async def test_draining_answers_whoever_waits() -> None:
    """With errors on which clients look for the coordinator again; later calls get one too."""
    async with LivingCoordinator() as living:
        joined = await living.member()
        await living.commit(1, joined)
        waits = await begun(living.join())
        living.groups.drain()
        assert GroupError.NOT_COORDINATOR is (await waits).error
        gone = GroupError.NOT_COORDINATOR
        assert gone is (await living.join()).error
        assert gone is living.groups.heartbeat("g", joined.member_id, 1, None)
        assert gone is living.groups.leave("g", []).error
        assert gone is await living.commit(2, joined)
        assert gone is await living.groups.committed_by("g", None)


async def test_commits_that_were_taken_are_answered_in_a_drain() -> None:
    """When they are durable."""
    async with LivingCoordinator() as living:
        waits = await begun(living.commit(7))
        living.groups.drain()
        assert await waits is None
        await living.restart()
        assert {("t", 0): 7} == await living.fetch()


def test_settings_that_cannot_be() -> None:
    """Each has its bounds."""
    with pytest.raises(ValueError, match="groups_max"):
        CoordinatorSettings(groups_max=0)
    for limit in (0, 2**16):
        with pytest.raises(ValueError, match="offset_metadata_bytes_max"):
            CoordinatorSettings(offset_metadata_bytes_max=limit)
    with pytest.raises(ValueError, match="expiry_interval_ms"):
        CoordinatorSettings(expiry_interval_ms=0)
    with pytest.raises(ValueError, match="upkeep_interval_ms"):
        CoordinatorSettings(upkeep_interval_ms=0)
    with pytest.raises(ValueError, match="the offsets log could not hold such group ids"):
        CoordinatorSettings(GroupSettings(name_chars_max=16_384))
    with pytest.raises(ValueError, match="offsets_retention_ms"):
        CoordinatorSettings(offsets_retention_ms=-2)
    assert GroupSettings() == CoordinatorSettings().group


async def test_members_of_before_a_restart_are_fenced() -> None:
    """Their heartbeats and commits name a generation of another life, and are refused whatever it says."""
    async with LivingCoordinator() as living:
        old: JoinReply = await living.member()
        await living.commit(5, old)
        await living.restart()
        unknown = GroupError.UNKNOWN_MEMBER_ID
        assert unknown is await living.commit(6, old)
        assert GroupError.ILLEGAL_GENERATION is await living.commit(6, old, group_id="never seen")
        await living.member()
        assert unknown is await living.commit(6, old)
        assert unknown is living.groups.heartbeat("g", old.member_id, old.generation, None)
        assert {("t", 0): 5} == await living.fetch()


# --- memory -------------------------------------------------------------------------------------


async def test_what_members_hold_is_bounded() -> None:
    """All groups together hold no more than their bound; what leaves makes room."""
    settings = attrs.evolve(SETTINGS, members_bytes_max=1000)
    async with LivingCoordinator(settings=settings) as living:
        big = (("range", b"x" * 600),)
        first = await living.join(group_id="one", protocols=big)
        assert first.error is None
        assert GroupError.GROUP_MAX_SIZE_REACHED is (await living.join(group_id="two", protocols=big)).error
        assert ["one"] == [each.group_id for each in living.groups.groups()]
        living.groups.leave("one", [Leaver(first.member_id)])
        assert (await living.join(group_id="two", protocols=big)).error is None


async def test_what_a_group_held_goes_with_it() -> None:
    """A deleted group holds nothing, and one whose members have changed what they hold now."""
    settings = attrs.evolve(SETTINGS, members_bytes_max=1000)
    async with LivingCoordinator(settings=settings) as living:
        for _ in range(3):
            joined = await living.join(group_id="one", protocols=(("range", b"x" * 600),))
            assert joined.error is None
            living.groups.leave("one", [Leaver(joined.member_id)])
            assert await living.groups.delete("one") is None
        for _ in range(3):
            again = await living.join(group_id="two", protocols=(("range", b"x" * 400),))
            assert again.error is None
            living.groups.leave("two", [Leaver(again.member_id)])
