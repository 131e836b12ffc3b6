"""Static members: processes that start anew and go on where their predecessors stopped."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from eventlog.group import GroupError, GroupState, Leaver
from tests.eventlog.group.living_group import OTHER, REBALANCE_MS, SESSION_MS, LivingGroup


def consumer(*topics: str, rest: bytes = b"") -> bytes:
    """Metadata of a consumer that subscribes to `topics`."""
    named = b"".join(struct.pack(">h", len(topic)) + topic.encode() for topic in topics)
    return struct.pack(">hi", 1, len(topics)) + named + rest


def test_same_assignment_without_a_rebalance() -> None:
    """A process that starts anew within the session gets a new id and the old part; nobody notices."""
    living = LivingGroup()
    leader, old = living.form_static("i", "j")
    reply = living.joined(living.join(instance_id="j"))
    assert (None, 1, leader, ()) == (reply.error, reply.generation, reply.leader_id, reply.members)
    assert reply.member_id not in {leader, old}

    assert old.encode() == living.synced(living.sync(reply.member_id, instance_id="j")).assignment
    assert None is living.heartbeat(leader)
    assert GroupState.STABLE is living.state()
    assert sorted([leader, reply.member_id]) == sorted(living.members())


def test_old_process_is_fenced() -> None:
    """Whatever the old process still asks for, it is told that it has been replaced."""
    living = LivingGroup()
    _, old = living.form_static("i", "j")
    living.join(instance_id="j")
    fenced = GroupError.FENCED_INSTANCE_ID
    assert fenced is living.heartbeat(old, instance_id="j")
    assert fenced is living.check_commit(old, instance_id="j")
    assert fenced is living.error(living.sync(old, instance_id="j"))
    assert fenced is living.error(living.join(old, instance_id="j"))
    assert GroupError.UNKNOWN_MEMBER_ID is living.check_commit(old)  # by a version without instance ids


@pytest.mark.parametrize("knows", [False, True])
def test_leader_starts_anew(knows: bool) -> None:
    """A leader is told that the assignment stands; one that cannot be told does not hear that it leads."""
    living = LivingGroup()
    old, follower = living.form_static("i", "j")
    reply = living.joined(living.join(instance_id="i", knows_skip_assignment=knows))
    assert knows is reply.skip_assignment
    assert (reply.member_id if knows else old) == reply.leader_id
    assert ({reply.member_id, follower} if knows else set()) == {each.member_id for each in reply.members}
    assert old.encode() == living.synced(living.sync(reply.member_id, instance_id="i")).assignment

    # From here on it is the leader all the same.
    living.leave(Leaver(follower))
    again = living.joined(living.join(reply.member_id, instance_id="i"))
    assert reply.member_id == again.leader_id


def test_skipping_is_for_leaders() -> None:
    """A follower that starts anew is not told to skip what it would not do."""
    living = LivingGroup()
    living.form_static("i", "j")
    assert not living.joined(living.join(instance_id="j", knows_skip_assignment=True)).skip_assignment


def test_other_subscription() -> None:
    """A process that starts anew with other topics makes all join again."""
    living = LivingGroup()
    leader, old = living.form_static("i", "j", protocols=(("range", consumer("a")),))
    token = living.join(instance_id="j", protocols=(("range", consumer("a", "b")),))
    assert living.waits(token)
    living.join(leader, instance_id="i", protocols=(("range", consumer("a")),))
    assert 2 == living.joined(token).generation
    assert old not in living.members()


def test_other_user_data() -> None:
    """What its predecessor owned, or had in mind, does not matter as long as the topics are the same."""
    living = LivingGroup()
    living.form_static("i", "j", protocols=(("range", consumer("a", rest=b"owned")),))
    token = living.join(instance_id="j", protocols=(("range", consumer("a")),))
    assert 1 == living.joined(token).generation


@pytest.mark.parametrize("metadata", [b"other", consumer("a")])
def test_other_opaque_metadata(metadata: bytes) -> None:
    """Metadata that is not a consumer's must be the same to the byte."""
    living = LivingGroup()
    changes: dict[str, Any] = {
        "protocol_type": "connect",
        "protocols": (("range", consumer("a", rest=b"x")),),
    }
    living.form_static("i", "j", **changes)
    assert living.waits(living.join(instance_id="j", **{**changes, "protocols": (("range", metadata),)}))


def test_other_protocol() -> None:
    """A process that starts anew and so changes the protocol to be chosen makes all join again."""
    living = LivingGroup()
    both = (("range", b"t"), ("sticky", b"t"))
    living.form_static("i", "j", protocols=both)
    assert living.waits(living.join(instance_id="j", protocols=(("sticky", b"t"),)))


def test_anew_while_members_are_counted() -> None:
    """The old process's join is fenced, the new one's is counted."""
    living = LivingGroup()
    leader, old = living.form_static("i", "j")
    fenced, counted = living.join(old, instance_id="j"), living.join(leader, instance_id="i")
    assert 1 == living.joined(fenced).generation  # an unchanged follower, at once
    waiting = living.join(instance_id="i")
    assert GroupError.FENCED_INSTANCE_ID is living.error(counted)
    living.join(old, instance_id="j")
    assert 2 == living.joined(waiting).generation == len(living.members())


def test_anew_while_assigning() -> None:
    """The leader may be assigning to the old id: the generation starts over, the old sync is fenced."""
    living = LivingGroup()
    tokens = [living.join(instance_id="i"), living.join(instance_id="j")]
    living.advance(200)
    leader, old = (living.joined(token).member_id for token in tokens)
    waiting = living.sync(old, instance_id="j")
    token = living.join(instance_id="j")
    assert GroupError.FENCED_INSTANCE_ID is living.error(waiting)
    assert GroupState.PREPARING_REBALANCE is living.state()
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(living.sync(leader))
    living.join(leader, instance_id="i")
    assert 2 == living.joined(token).generation


def test_anew_with_its_id() -> None:
    """A process that kept its id joins as any member does; with an id of nobody it is fenced."""
    living = LivingGroup()
    _, follower = living.form_static("i", "j")
    assert 1 == living.joined(living.join(follower, instance_id="j")).generation
    assert GroupError.FENCED_INSTANCE_ID is living.error(living.join("nobody", instance_id="j"))
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(living.join(follower, instance_id="k"))


def test_session_of_a_static_member() -> None:
    """A static member that stays away for its session timeout is given up; its next process is new."""
    living = LivingGroup()
    leader, _ = living.form_static("i", "j")
    living.advance(SESSION_MS - 1)
    living.heartbeat(leader, instance_id="i")
    living.advance(1)
    assert [leader] == living.members()
    assert living.waits(living.join(instance_id="j"))


def test_absent_in_a_rebalance() -> None:
    """A static member that misses a rebalance keeps its place in the next generation, and can catch up."""
    living = LivingGroup(session_timeout_ms_max=4 * REBALANCE_MS)
    absent, leader = living.form_static("i", "j", session_timeout_ms=4 * REBALANCE_MS)
    token = living.join(leader, instance_id="j", protocols=OTHER)
    living.advance(REBALANCE_MS)
    reply = living.joined(token)
    assert (2, leader, 2) == (reply.generation, reply.leader_id, len(reply.members))
    living.sync(leader, {absent: b"part", leader: b"rest"}, instance_id="j")

    assert GroupError.ILLEGAL_GENERATION is living.check_commit(absent, generation=1, instance_id="i")
    assert 2 == living.joined(living.join(absent, instance_id="i")).generation
    assert b"part" == living.synced(living.sync(absent, instance_id="i")).assignment


def test_all_absent_in_a_rebalance() -> None:
    """While no member joins, static ones keep their places until their sessions end."""
    living = LivingGroup(session_timeout_ms_max=4 * REBALANCE_MS)
    one, two = living.form_static("i", "j", session_timeout_ms=3 * REBALANCE_MS, rebalance_timeout_ms=5_000)
    gone = living.join(rebalance_timeout_ms=0)
    living.leave(Leaver("c-3"))
    assert GroupError.UNKNOWN_MEMBER_ID is living.error(gone)
    living.advance(2 * REBALANCE_MS)
    assert (GroupState.PREPARING_REBALANCE, [one, two], 1) == (
        living.state(),
        living.members(),
        living.group.generation,
    )
    living.advance(REBALANCE_MS)
    assert (GroupState.EMPTY, 2) == (living.state(), living.group.generation)
