"""The member id handshake: a client is first given an id, then joins with it."""

from __future__ import annotations

from eventlog.group import GroupError, GroupState, Leaver
from tests.eventlog.group.living_group import DELAY_MS, SESSION_MS, LivingGroup


def test_id_first() -> None:
    """A client without an id is sent away with one, and is a member once it comes back with it."""
    living = LivingGroup()
    first = living.joined(living.join(requires_known_member_id=True))
    assert (GroupError.MEMBER_ID_REQUIRED, "c-1", -1) == (first.error, first.member_id, first.generation)
    assert (GroupState.EMPTY, []) == (living.state(), living.members())
    assert not living.group.is_unused()

    second = living.join("c-1", requires_known_member_id=True)
    living.advance(DELAY_MS)
    assert (None, "c-1") == (living.error(second), living.joined(second).member_id)


def test_old_clients_need_none() -> None:
    """A client whose version does not know the handshake is a member at once."""
    living = LivingGroup()
    assert living.waits(living.join())
    assert ["c-1"] == living.members()


def test_id_lapses() -> None:
    """An id that is not used within the session timeout is forgotten."""
    living = LivingGroup()
    living.join(requires_known_member_id=True)
    living.advance(SESSION_MS - 1)
    assert not living.group.is_unused()
    living.advance(1)
    assert living.group.is_unused()
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.join("c-1"))


def test_others_wait_for_the_handshake() -> None:
    """A rebalance waits for those in the handshake, and goes on without those who do not finish it."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.join(requires_known_member_id=True)
    assert None is living.heartbeat(member)  # an id alone disturbs nobody

    token = living.join(member)
    assert living.waits(token)
    living.advance(SESSION_MS)
    assert 2 == living.joined(token).generation


def test_handshake_ends_the_rebalance() -> None:
    """The last one to finish the handshake completes the rebalance."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.join(requires_known_member_id=True)
    newcomer = living.join("c-2")
    assert GroupState.PREPARING_REBALANCE is living.state()
    rejoined = living.join(member)
    assert (2, 2) == (living.joined(newcomer).generation, living.joined(rejoined).generation)


def test_leaving_in_the_handshake() -> None:
    """Who leaves in the middle of the handshake is no longer waited for."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.join(requires_known_member_id=True)
    token = living.join(member)
    assert [None] == [left.error for left in living.leave(Leaver("c-2"))]
    assert 2 == living.joined(token).generation


def test_static_members_need_none() -> None:
    """A static member is known by its instance id and joins at once."""
    living = LivingGroup()
    living.join(requires_known_member_id=True, instance_id="i")
    assert ["i-1"] == living.members()


def test_pending_id_is_not_an_instance() -> None:
    """An id from the handshake cannot be used, or left, in the name of an instance."""
    living = LivingGroup()
    living.join(requires_known_member_id=True)
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.join("c-1", instance_id="i"))
    assert [GroupError.UNKNOWN_MEMBER_ID] == [left.error for left in living.leave(Leaver("c-1", "i"))]
    assert living.waits(living.join("c-1"))


def test_unfinished_handshakes_outlive_the_members() -> None:
    """When the last member leaves in the middle of a handshake, the group still becomes empty."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.join(requires_known_member_id=True)
    living.leave(Leaver(member))
    living.advance(1)
    assert GroupState.EMPTY is living.state()
    assert living.waits(living.join("c-2"))
    living.advance(DELAY_MS)
    assert ["c-2"] == living.members()
