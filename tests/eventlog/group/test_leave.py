"""How members leave."""

from __future__ import annotations

from eventlog.group import GroupError, GroupState, Leaver
from tests.eventlog.group.living_group import OTHER, LivingGroup


def test_one_leaves() -> None:
    """When a member leaves, the others join again at once, without waiting for its session to end."""
    living = LivingGroup()
    leader, follower = living.form(2)
    (left,) = living.leave(Leaver(leader))
    assert (leader, None, None) == (left.member_id, left.instance_id, left.error)
    assert GroupState.PREPARING_REBALANCE is living.state()
    assert follower == living.joined(living.join(follower)).leader_id


def test_the_last_absent_one_leaves() -> None:
    """A leave in the middle of a rebalance can be what completes it."""
    living = LivingGroup()
    leader, follower = living.form(2)
    token = living.join(follower, protocols=OTHER)
    living.leave(Leaver(leader))
    assert 2 == living.joined(token).generation


def test_leaving_while_joining() -> None:
    """Who leaves while its join waits has both answered."""
    living = LivingGroup()
    _leader, follower = living.form(2)
    token = living.join(follower, protocols=OTHER)
    living.leave(Leaver(follower))
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(token)


def test_leaving_while_syncing() -> None:
    """Who leaves while its sync waits has both answered."""
    living = LivingGroup()
    _leader, follower = living.count_in(2)
    token = living.sync(follower)
    living.leave(Leaver(follower))
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(token)


def test_strangers() -> None:
    """Who is not a member is told so, one by one, and nothing happens to the others."""
    living = LivingGroup()
    (member,) = living.form(1)
    left = living.leave(Leaver("nobody"), Leaver(""), Leaver("", "nothing"), Leaver(member, "nothing"))
    assert [GroupError.UNKNOWN_MEMBER_ID] * 4 == [each.error for each in left]
    assert GroupState.STABLE is living.state()


def test_several_leave() -> None:
    """Several leave in one call, by member id or instance id; a name that comes twice is unknown then."""
    living = LivingGroup()
    one, two, three = living.form_static("i", "j", "k")
    left = living.leave(Leaver("", "i"), Leaver(two), Leaver(one, "i"))
    assert [None, None, GroupError.UNKNOWN_MEMBER_ID] == [each.error for each in left]
    assert [three] == living.members()
    assert 1 == len([notice for notice in living.notices if notice.reason == "members left"])


def test_fenced_process() -> None:
    """A process whose instance has started anew cannot take the new one out of the group."""
    living = LivingGroup()
    old, _ = living.form_static("i", "j")
    new = living.joined(living.join(instance_id="i")).member_id
    left = living.leave(Leaver(old, "i"), Leaver(old))
    assert [GroupError.FENCED_INSTANCE_ID, GroupError.UNKNOWN_MEMBER_ID] == [each.error for each in left]
    assert new in living.members()


def test_nobody_leaves() -> None:
    """A call without names does nothing."""
    living = LivingGroup()
    living.form(1)
    assert () == living.leave()
    assert GroupState.STABLE is living.state()
