"""How an empty group gets its first generation."""

from __future__ import annotations

from eventlog.group import GroupError, GroupState, JoinedMember, Leaver
from tests.eventlog.group.living_group import DELAY_MS, LivingGroup


def test_lone_member() -> None:
    """The first member waits for company for one delay, then leads a generation of one."""
    living = LivingGroup()
    token = living.join()
    assert GroupState.PREPARING_REBALANCE is living.state()

    living.advance(DELAY_MS - 1)
    assert living.waits(token)
    living.advance(1)

    reply = living.joined(token)
    assert (None, "c-1", 1, "consumer", "range", "c-1", False) == (
        reply.error,
        reply.member_id,
        reply.generation,
        reply.protocol_type,
        reply.protocol,
        reply.leader_id,
        reply.skip_assignment,
    )
    assert (JoinedMember("c-1", None, b"topics"),) == reply.members
    assert GroupState.COMPLETING_REBALANCE is living.state()


def test_no_delay() -> None:
    """Without an initial delay the first member is answered at once."""
    living = LivingGroup(initial_rebalance_delay_ms=0)
    assert 1 == living.joined(living.join()).generation


def test_leader_learns_of_all() -> None:
    """The first to join leads and is told of everybody; the others are told who leads."""
    living = LivingGroup()
    tokens = [living.join(protocols=(("range", name),)) for name in (b"a", b"b", b"c")]
    living.advance(2 * DELAY_MS)

    leader, *followers = (living.joined(token) for token in tokens)
    assert (b"a", b"b", b"c") == tuple(member.metadata for member in leader.members)
    assert [("c-1", ())] * 2 == [(reply.leader_id, reply.members) for reply in followers]
    assert {1} == {reply.generation for reply in (leader, *followers)}


def test_newcomers_prolong_the_delay() -> None:
    """Each window in which somebody new came is followed by another one, until one brings nobody."""
    living = LivingGroup()
    tokens = [living.join()]
    for _ in range(3):
        living.advance(DELAY_MS - 1)
        tokens.append(living.join())
        living.advance(1)
    living.advance(DELAY_MS - 1)
    assert all(living.waits(token) for token in tokens)
    living.advance(1)
    assert {1} == {living.joined(token).generation for token in tokens}


def test_the_delay_ends_with_the_rebalance_timeout() -> None:
    """However many come, the windows together last no longer than the rebalance timeout."""
    living = LivingGroup()
    first = living.join(rebalance_timeout_ms=250)
    for _ in range(5):
        assert living.waits(first)
        living.join()
        living.advance(50)
    assert 1 == living.joined(first).generation


def test_all_leave_during_the_delay() -> None:
    """When the delay ends and nobody is left, the group is empty again."""
    living = LivingGroup()
    token = living.join()
    living.leave(Leaver("c-1"))
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(token)
    living.advance(DELAY_MS)
    assert (GroupState.EMPTY, 1, []) == (living.state(), living.group.generation, living.members())
    assert living.group.is_unused()


def test_second_beginning() -> None:
    """A group that became empty goes on with the next generation, after one window that is not prolonged."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.leave(Leaver(member))
    assert GroupState.EMPTY is living.state()

    tokens = [living.join(), living.join()]
    living.advance(DELAY_MS)
    assert [3, 3] == [living.joined(token).generation for token in tokens]
