"""Heartbeats and what happens without them."""

from __future__ import annotations

import pytest

from eventlog.group import GroupError, GroupState
from tests.eventlog.group.living_group import OTHER, REBALANCE_MS, SESSION_MS, LivingGroup


def test_heartbeats_keep_a_member() -> None:
    """A member that is heard of within each session timeout stays."""
    living = LivingGroup()
    (member,) = living.form(1)
    for _ in range(10):
        living.advance(SESSION_MS - 1)
        assert None is living.heartbeat(member)
    assert GroupState.STABLE is living.state()


def test_silence_ends_a_session() -> None:
    """A member that is silent for its session timeout is given up, and the others join again."""
    living = LivingGroup()
    leader, follower = living.form(2)
    living.advance(SESSION_MS - 1)
    living.heartbeat(follower)
    living.advance(1)
    assert [follower] == living.members()
    assert GroupError.UNKNOWN_MEMBER_ID is living.heartbeat(leader)
    assert GroupError.REBALANCE_IN_PROGRESS is living.heartbeat(follower)


def test_silence_in_a_rebalance() -> None:
    """A rebalance does not wait for a member whose session ends in the middle of it."""
    living = LivingGroup()
    _leader, follower = living.form(2)
    token = living.join(follower, protocols=OTHER)
    living.advance(SESSION_MS)
    assert (2, follower) == (living.joined(token).generation, living.joined(token).leader_id)


@pytest.mark.parametrize("member_id", ["", "nobody"])
def test_unknown_member(member_id: str) -> None:
    """Who is not a member is told so, in an empty group and in any other."""
    living = LivingGroup()
    assert GroupError.UNKNOWN_MEMBER_ID is living.heartbeat(member_id)
    living.form(1)
    assert GroupError.UNKNOWN_MEMBER_ID is living.heartbeat(member_id)


@pytest.mark.parametrize("generation", [-1, 0, 2])
def test_other_generation(generation: int) -> None:
    """A heartbeat of another generation is refused, and does not keep the member."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.advance(SESSION_MS - 1)
    assert GroupError.ILLEGAL_GENERATION is living.heartbeat(member, generation=generation)
    living.advance(1)
    assert [] == living.members()


def test_heartbeat_while_assigning() -> None:
    """A member that waits for nothing may heartbeat before the assignment is there."""
    living = LivingGroup()
    leader, _ = living.count_in(2)
    assert None is living.heartbeat(leader)


def test_newcomer_has_no_generation() -> None:
    """A member that is not counted yet belongs to no generation, whichever it names."""
    living = LivingGroup()
    living.form(1)
    living.join()
    assert GroupError.ILLEGAL_GENERATION is living.heartbeat("c-2")
    assert GroupError.ILLEGAL_GENERATION is living.check_commit("c-2")


def test_a_long_stall_of_the_caller() -> None:
    """However late `expire` comes, all that has lapsed is done in one call, and no deadline stays behind."""
    living = LivingGroup()
    _leader, follower = living.form(2)
    living.join(requires_known_member_id=True)
    token = living.join(follower, protocols=OTHER)
    living.now_ms += 100 * REBALANCE_MS
    living.take(living.group.expire(living.now_ms))
    assert 2 == living.joined(token).generation
    deadline_ms = living.group.next_deadline_ms()
    assert deadline_ms is not None
    assert deadline_ms > living.now_ms


def test_time_does_not_go_back() -> None:
    """Time that goes back is the caller's mistake."""
    living = LivingGroup()
    with pytest.raises(AssertionError, match="monotonic"):
        living.group.expire(living.now_ms - 1)


def test_expire_before_the_deadline() -> None:
    """Before a deadline has come, `expire` changes nothing."""
    living = LivingGroup()
    living.form(1)
    deadline_ms = living.group.next_deadline_ms()
    assert deadline_ms is not None
    assert [] == living.group.expire(deadline_ms - 1)
    assert [] != living.group.expire(deadline_ms)
