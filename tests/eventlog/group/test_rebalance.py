"""How a group with members gets its next generation."""

from __future__ import annotations

import pytest

from eventlog.group import GroupError, GroupState, Leaver
from eventlog.group.cycle import GENERATION_MAX
from tests.eventlog.group.living_group import OTHER, REBALANCE_MS, SESSION_MS, LivingGroup


def test_newcomer() -> None:
    """A newcomer makes all join again; the rebalance ends with the last of them."""
    living = LivingGroup()
    leader, follower = living.form(2)
    newcomer = living.join()
    assert GroupState.PREPARING_REBALANCE is living.state()
    assert GroupError.REBALANCE_IN_PROGRESS is living.heartbeat(follower)

    tokens = [newcomer, living.join(follower), living.join(leader)]
    assert [2, 2, 2] == [living.joined(token).generation for token in tokens]
    assert {leader} == {living.joined(token).leader_id for token in tokens}
    assert GroupState.COMPLETING_REBALANCE is living.state()


def test_absent_members_are_dropped() -> None:
    """At the rebalance timeout whoever has not joined is dropped, however alive, and another leads."""
    living = LivingGroup(session_timeout_ms_max=2 * REBALANCE_MS)
    leader, follower = living.form(2, session_timeout_ms=2 * REBALANCE_MS)
    newcomer, rejoined = living.join(), living.join(follower)
    living.advance(REBALANCE_MS - 1)
    assert GroupError.REBALANCE_IN_PROGRESS is living.heartbeat(leader)
    assert living.waits(newcomer)

    living.advance(1)
    assert [follower, "c-3"] == living.members()
    assert follower == living.joined(newcomer).leader_id == living.joined(rejoined).leader_id
    assert 2 == len(living.joined(rejoined).members)
    assert GroupError.UNKNOWN_MEMBER_ID is living.heartbeat(leader)


def test_most_patient_member_counts() -> None:
    """The rebalance timeout of a group is the longest of its members'."""
    living = LivingGroup(session_timeout_ms_max=2 * REBALANCE_MS)
    living.form(1, rebalance_timeout_ms=1_000, session_timeout_ms=2 * REBALANCE_MS)
    newcomer = living.join(rebalance_timeout_ms=3_000)
    living.advance(2_999)
    assert living.waits(newcomer)
    living.advance(1)
    assert 2 == living.joined(newcomer).generation


def test_timeout_of_old_clients() -> None:
    """A join without a rebalance timeout (version 0) is waited for as long as its session timeout."""
    living = LivingGroup(session_timeout_ms_max=2 * REBALANCE_MS)
    (absent,) = living.form(1, rebalance_timeout_ms=-1, session_timeout_ms=7_000)
    newcomer = living.join(rebalance_timeout_ms=-1, session_timeout_ms=6_000)
    living.advance(6_999)
    living.heartbeat(absent)
    assert living.waits(newcomer)
    living.advance(1)
    assert ["c-2"] == living.members()


def test_second_join_while_waiting() -> None:
    """A member that joins again while it waits has its older call answered, and is counted once."""
    living = LivingGroup()
    leader, follower = living.form(2)
    older, newer = living.join(follower, protocols=OTHER), living.join(follower)
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(older)
    assert living.waits(newer)
    living.join(leader)
    assert (None, 2) == (living.error(newer), living.joined(newer).generation)


def test_leader_asks() -> None:
    """A leader that joins a stable group starts a rebalance, though nothing seems to have changed."""
    living = LivingGroup()
    leader, follower = living.form(2)
    assert living.waits(living.join(leader))
    assert GroupError.REBALANCE_IN_PROGRESS is living.heartbeat(follower)


def test_unchanged_follower() -> None:
    """A follower that joins a stable group unchanged is told of the present generation, at once."""
    living = LivingGroup()
    leader, follower = living.form(2)
    reply = living.joined(living.join(follower))
    assert (None, follower, 1, leader, ()) == (
        reply.error,
        reply.member_id,
        reply.generation,
        reply.leader_id,
        reply.members,
    )
    assert GroupState.STABLE is living.state()
    assert follower.encode() == living.synced(living.sync(follower)).assignment


def test_changed_follower() -> None:
    """A follower that comes back with other metadata starts a rebalance."""
    living = LivingGroup()
    leader, follower = living.form(2)
    token = living.join(follower, protocols=OTHER)
    assert living.waits(token)
    reply = living.joined(living.join(leader))
    assert [b"topics", b"other"] == [member.metadata for member in reply.members]


@pytest.mark.parametrize("who", [0, 1])
def test_lost_answer(who: int) -> None:
    """Who joins again unchanged before the assignment is there gets the same answer as before."""
    living = LivingGroup()
    first = [living.join(), living.join()]
    living.advance(200)
    reply = living.joined(first[who])
    again = living.joined(living.join(reply.member_id))
    assert (reply.generation, reply.leader_id, reply.members) == (
        again.generation,
        again.leader_id,
        again.members,
    )
    assert GroupState.COMPLETING_REBALANCE is living.state()


def test_change_while_assigning() -> None:
    """Other metadata before the assignment is there starts over: who waits in sync must join again."""
    living = LivingGroup()
    leader, follower = living.count_in(2)
    waiting = living.sync(follower)
    assert living.waits(living.join(leader, protocols=OTHER))
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(waiting)
    assert living.joined(living.join(follower)).generation == living.group.generation == 2


def test_unknown_member() -> None:
    """An id that the group does not know is refused, and leaves no trace."""
    living = LivingGroup()
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.join("nobody"))
    assert living.group.is_unused()
    living.form(1)
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.join("nobody"))
    assert GroupState.STABLE is living.state()


def test_new_member_that_waits_for_ever() -> None:
    """A newcomer's join ends after its own timeout, even where the rebalance goes on for longer."""
    living = LivingGroup(new_member_join_timeout_ms=60_000)
    (member,) = living.form(1, rebalance_timeout_ms=600_000)
    newcomer = living.join()
    for _ in range(12):
        assert living.waits(newcomer)
        living.advance(5_000)
        living.heartbeat(member)
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(newcomer)
    assert [member] == living.members()


def test_waiting_members_do_not_run_out() -> None:
    """A member that waits in join outlives its session timeout, and has a whole one when it is answered."""
    living = LivingGroup()
    leader, follower = living.form(2)
    token = living.join(follower, protocols=OTHER)
    for _ in range(5):
        living.advance(SESSION_MS // 2)
        living.heartbeat(leader)
    assert living.waits(token)
    living.join(leader)
    living.advance(SESSION_MS - 1)
    assert None is living.heartbeat(follower)


def test_generations_wrap() -> None:
    """After the largest generation comes 1, for 0 and negative ones have meanings of their own."""
    living = LivingGroup()
    leader, follower = living.form(2)
    living.group._cycle.generation = GENERATION_MAX
    assert None is living.check_commit(follower, generation=GENERATION_MAX)
    living.leave(Leaver(leader))
    token = living.join(follower)
    assert 1 == living.joined(token).generation
    assert GroupError.ILLEGAL_GENERATION is living.check_commit(follower, generation=GENERATION_MAX)


def test_last_member_goes() -> None:
    """A group whose last member is gone is empty at once, in a generation of its own."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.leave(Leaver(member))
    assert (GroupState.EMPTY, 2) == (living.state(), living.group.generation)
    assert None is living.group.next_deadline_ms()


def test_notices() -> None:
    """What an operator wants to know comes with its reason."""
    living = LivingGroup()
    (member,) = living.form(1)
    living.advance(SESSION_MS)
    assert [
        ("member-added", "client 'c' at ''", member),
        ("rebalance-started", "a member joined", ""),
        ("generation-started", "generation 1 has 1 members", ""),
        ("member-removed", "was silent for too long", member),
        ("rebalance-started", "members were given up", ""),
        ("generation-started", "generation 2 has 0 members", ""),
    ] == [(notice.action, notice.reason, notice.member_id) for notice in living.notices]
