"""How the members of a generation get their assignments."""

from __future__ import annotations

from typing import Any

import pytest

from eventlog.group import GroupError, GroupState
from tests.eventlog.group.living_group import REBALANCE_MS, SESSION_MS, LivingGroup


def test_followers_wait_for_the_leader() -> None:
    """Followers wait in sync until the leader's assignment is there; each then gets its own part."""
    living = LivingGroup()
    leader, follower = living.count_in(2)
    waiting = living.sync(follower)
    assert living.waits(waiting)
    brought = living.sync(leader, {leader: b"one", follower: b"two"})
    assert (b"one", b"two") == (living.synced(brought).assignment, living.synced(waiting).assignment)
    assert ("consumer", "range") == (living.synced(waiting).protocol_type, living.synced(waiting).protocol)
    assert GroupState.STABLE is living.state()


def test_late_follower() -> None:
    """Who syncs after the leader is answered at once, as often as it asks."""
    living = LivingGroup()
    leader, follower = living.count_in(2)
    living.sync(leader, {follower: b"two"})
    assert [b"two", b"two"] == [living.synced(living.sync(follower)).assignment for _ in range(2)]
    assert b"" == living.synced(living.sync(leader)).assignment


def test_only_the_leader_assigns() -> None:
    """What a follower brings as assignment is not looked at, nor is what the leader brings for strangers."""
    living = LivingGroup()
    leader, follower = living.count_in(2)
    waiting = living.sync(follower, {follower: b"mine"})
    assert living.waits(waiting)
    living.sync(leader, {"stranger": b"?"})
    assert b"" == living.synced(waiting).assignment


def test_second_sync_while_waiting() -> None:
    """A member that syncs again while it waits has its older call answered."""
    living = LivingGroup()
    leader, follower = living.count_in(2)
    older, newer = living.sync(follower), living.sync(follower)
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(older)
    living.sync(leader, {follower: b"two"})
    assert b"two" == living.synced(newer).assignment


def test_leader_never_assigns() -> None:
    """A leader that does not sync within the rebalance timeout is given up, and the others join again."""
    living = LivingGroup(session_timeout_ms_max=4 * REBALANCE_MS)
    leader, follower = living.count_in(2, session_timeout_ms=4 * REBALANCE_MS)
    waiting = living.sync(follower)
    living.advance(REBALANCE_MS - 200)
    assert None is living.heartbeat(leader)
    assert living.waits(waiting)
    living.advance(200)
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(waiting)
    assert [follower] == living.members()
    assert follower == living.joined(living.join(follower)).leader_id


def test_follower_never_syncs() -> None:
    """A follower that does not fetch its part of a stable group within the rebalance timeout is given up."""
    living = LivingGroup(session_timeout_ms_max=4 * REBALANCE_MS)
    leader, follower = living.count_in(2, session_timeout_ms=4 * REBALANCE_MS)
    living.sync(leader, {leader: b"one", follower: b"two"})
    living.advance(REBALANCE_MS)
    assert GroupState.PREPARING_REBALANCE is living.state()
    assert [leader] == living.members()


def test_all_synced() -> None:
    """Where everybody has synced, only sessions can lapse."""
    living = LivingGroup(session_timeout_ms_max=4 * REBALANCE_MS)
    members = living.form(2, session_timeout_ms=4 * REBALANCE_MS)
    living.advance(2 * REBALANCE_MS)
    assert (GroupState.STABLE, members) == (living.state(), living.members())


def test_waiting_members_do_not_run_out() -> None:
    """A member that waits in sync outlives its session timeout, and has a whole one when it is answered."""
    living = LivingGroup()
    leader, follower = living.count_in(2)
    waiting = living.sync(follower)
    for _ in range(4):
        living.advance(SESSION_MS // 2)
        assert None is living.heartbeat(leader)
    living.sync(leader)
    assert None is living.error(waiting)
    living.advance(SESSION_MS - 1)
    assert None is living.heartbeat(follower)


def test_wrong_moment() -> None:
    """A sync while members are counted is told to join, one of an older generation that it is too late."""
    living = LivingGroup()
    _leader, follower = living.form(2)
    living.join()
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(living.sync(follower))
    assert GroupError.ILLEGAL_GENERATION is living.error(living.sync(follower, generation=0))
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.sync("nobody"))
    assert GroupError.ILLEGAL_GENERATION is living.error(living.sync("c-3"))  # not counted yet


@pytest.mark.parametrize("belief", [{"protocol_type": "connect"}, {"protocol": "sticky"}])
def test_wrong_belief(belief: dict[str, Any]) -> None:
    """A sync that names another protocol than the one chosen is refused."""
    living = LivingGroup()
    _leader, follower = living.count_in(2)
    assert GroupError.INCONSISTENT_GROUP_PROTOCOL is living.error(living.sync(follower, **belief))
    assert living.waits(living.sync(follower, protocol_type="consumer", protocol="range"))


def test_empty_group() -> None:
    """Nobody can sync with an empty group."""
    living = LivingGroup()
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.sync("c-1"))
