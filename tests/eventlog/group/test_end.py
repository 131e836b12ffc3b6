"""How a group ends."""

from __future__ import annotations

from eventlog.group import GroupError, GroupState, Leaver
from tests.eventlog.group.living_group import LivingGroup


def assert_dead(living: LivingGroup) -> None:
    """Every call is refused, and nothing lapses any more."""
    gone = GroupError.COORDINATOR_NOT_AVAILABLE
    assert GroupState.DEAD is living.state()
    assert [gone] * 3 == [
        living.error(token) for token in (living.join(), living.join("c-1"), living.sync("c-1"))
    ]
    assert gone is living.heartbeat("c-1")
    assert gone is living.check_commit("", generation=-1)
    assert gone is living.group.leave([Leaver("c-1")], living.now_ms).error
    assert gone is living.group.delete(living.now_ms)
    assert [] == living.group.close(GroupError.NOT_COORDINATOR, living.now_ms)
    assert None is living.group.next_deadline_ms()
    assert (GroupState.DEAD, ()) == (living.group.describe().state, living.group.describe().members)


def test_delete() -> None:
    """An empty group can be deleted, also in the middle of a handshake."""
    living = LivingGroup()
    living.join(requires_known_member_id=True)
    assert None is living.group.delete(living.now_ms)
    assert_dead(living)


def test_delete_with_members() -> None:
    """A group with members cannot be deleted, whatever its state."""
    living = LivingGroup()
    living.join()
    assert GroupError.NON_EMPTY_GROUP is living.group.delete(living.now_ms)
    living.advance(200)
    assert GroupError.NON_EMPTY_GROUP is living.group.delete(living.now_ms)
    living.sync("c-1")
    assert GroupError.NON_EMPTY_GROUP is living.group.delete(living.now_ms)
    assert None is living.heartbeat("c-1")


def test_close() -> None:
    """When the broker stops, whoever waits in join or in sync is answered."""
    joining, syncing = LivingGroup(), LivingGroup()
    _, follower = syncing.count_in(2)
    for living, token in [(joining, joining.join()), (syncing, syncing.sync(follower))]:
        living.take(living.group.close(GroupError.NOT_COORDINATOR, living.now_ms))
        assert GroupError.NOT_COORDINATOR is living.error(token)
        assert_dead(living)


def test_close_a_quiet_group() -> None:
    """Where nobody waits there is nobody to answer."""
    living = LivingGroup()
    living.form(2)
    assert [] == living.group.close(GroupError.NOT_COORDINATOR, living.now_ms)
    assert_dead(living)
