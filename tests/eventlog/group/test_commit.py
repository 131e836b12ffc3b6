"""Who may commit offsets."""

from __future__ import annotations

import pytest

from eventlog.group import GroupError, GroupState, Leaver
from tests.eventlog.group.living_group import DELAY_MS, SESSION_MS, LivingGroup


def test_member() -> None:
    """A member of the present generation may commit, and is kept by it as by a heartbeat."""
    living = LivingGroup()
    (member,) = living.form(1)
    for _ in range(3):
        living.advance(SESSION_MS - 1)
        assert None is living.check_commit(member)
    assert [member] == living.members()


@pytest.mark.parametrize("generation", [-1, 0, 2])
def test_other_generation(generation: int) -> None:
    """A member that names another generation may not."""
    living = LivingGroup()
    (member,) = living.form(1)
    assert GroupError.ILLEGAL_GENERATION is living.check_commit(member, generation=generation)


def test_zombie() -> None:
    """Who was given up may not commit, though its generation is still the present one."""
    living = LivingGroup()
    zombie, _follower = living.form(2)
    living.leave(Leaver(zombie))
    assert 1 == living.group.generation
    assert GroupError.UNKNOWN_MEMBER_ID is living.check_commit(zombie)


def test_while_members_are_counted() -> None:
    """Until the next generation is there nobody else owns the partitions: the last one may commit."""
    living = LivingGroup()
    leader, follower = living.form(2)
    joined = living.join(leader)
    assert None is living.check_commit(leader)
    assert None is living.check_commit(follower)
    living.join(follower)
    assert 2 == living.joined(joined).generation
    assert GroupError.ILLEGAL_GENERATION is living.check_commit(follower, generation=1)


def test_while_assigning() -> None:
    """Between the count and the assignment nobody knows who owns what: commits wait."""
    living = LivingGroup()
    leader, _ = living.count_in(2)
    assert GroupError.REBALANCE_IN_PROGRESS is living.check_commit(leader)


def test_simple_consumers() -> None:
    """An empty group takes commits without a generation, those of consumers that assign by themselves."""
    living = LivingGroup()
    assert None is living.check_commit("", generation=-1)
    assert None is living.check_commit("someone", generation=-1)
    assert (GroupState.EMPTY, True) == (living.state(), living.group.is_unused())


def test_simple_consumers_and_members() -> None:
    """A group with members takes none of those, so that no tool writes over a running consumer."""
    living = LivingGroup()
    living.join()
    assert GroupError.UNKNOWN_MEMBER_ID is living.check_commit("", generation=-1)
    living.advance(DELAY_MS)
    assert GroupError.UNKNOWN_MEMBER_ID is living.check_commit("", generation=-1)


@pytest.mark.parametrize("generation", [0, 1, 7])
def test_after_a_restart(generation: int) -> None:
    """A group that knows nobody refuses whoever names a generation: members rejoin by themselves."""
    living = LivingGroup()
    assert GroupError.UNKNOWN_MEMBER_ID is living.check_commit("c-1", generation=generation)
