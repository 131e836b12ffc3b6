"""Everything that a client may send has an end."""

from __future__ import annotations

from typing import Any

import pytest

from eventlog.group import GroupError, GroupSettings, GroupState
from tests.eventlog.group.living_group import DELAY_MS, REBALANCE_MS, LivingGroup


@pytest.mark.parametrize(
    ("session_ms", "error"),
    [
        (5_999, GroupError.INVALID_SESSION_TIMEOUT),
        (6_000, None),
        (1_800_000, None),
        (1_800_001, GroupError.INVALID_SESSION_TIMEOUT),
        (-1, GroupError.INVALID_SESSION_TIMEOUT),
    ],
)
def test_session_timeout(session_ms: int, error: GroupError | None) -> None:
    """Session timeouts outside the limits are refused."""
    living = LivingGroup()
    token = living.join(session_timeout_ms=session_ms)
    living.advance(DELAY_MS)
    assert error is living.error(token)
    assert (error is not None) is living.group.is_unused()


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"client_id": "c" * 10}, True),
        ({"client_id": "c" * 11}, False),
        ({"client_host": "h" * 11}, False),
        ({"instance_id": "i" * 10}, True),
        ({"instance_id": "i" * 11}, False),
        ({"instance_id": ""}, False),
        ({"protocol_type": "t" * 11}, False),
        ({"protocols": (("p" * 11, b""),)}, False),
        ({"protocols": (("a", b""), ("b", b""))}, True),
        ({"protocols": (("a", b""), ("a", b""))}, False),
        ({"protocols": (("a", b""), ("b", b""), ("c", b""))}, False),
        ({"protocols": (("a", b"12345"), ("b", b"67890"))}, True),
        ({"protocols": (("a", b"12345"), ("b", b"678901"))}, False),
    ],
)
def test_sizes_of_a_join(changes: dict[str, Any], fits: bool) -> None:
    """Names, metadata and the number of protocols are limited, and nothing of an oversized join is kept."""
    living = LivingGroup(name_chars_max=10, protocols_max=2, member_metadata_bytes_max=10)
    token = living.join(**changes)
    assert fits is living.waits(token)
    if not fits:
        assert GroupError.INVALID_REQUEST is living.error(token)
        assert living.group.is_unused()


def test_members() -> None:
    """A full group takes nobody else, but its own members and their successors at any time."""
    living = LivingGroup(members_max=2)
    leader, follower = living.form_static("i", "j")
    assert GroupError.GROUP_MAX_SIZE_REACHED is living.error(living.join())
    assert GroupState.STABLE is living.state()
    assert None is living.error(living.join(follower, instance_id="j"))
    assert None is living.error(living.join(instance_id="j"))
    assert living.waits(living.join(leader, instance_id="i"))


def test_members_in_a_rebalance() -> None:
    """While members are counted the places belong to those who have joined; who comes late is put out."""
    living = LivingGroup(members_max=2)
    one, two = living.form(2)
    waiting = living.join(one)
    assert living.waits(waiting)
    newcomer = living.join()
    assert living.waits(newcomer)
    assert GroupError.GROUP_MAX_SIZE_REACHED is living.error(living.join())
    again = living.join(one)
    assert GroupError.REBALANCE_IN_PROGRESS is living.error(waiting)

    assert GroupError.GROUP_MAX_SIZE_REACHED is living.error(living.join(two))
    assert [one, "c-3"] == sorted(living.members(), reverse=False)
    assert 2 == living.joined(again).generation == living.joined(newcomer).generation


def test_full_before_the_handshake_ends() -> None:
    """An id from the handshake that finds the group full is forgotten: no rebalance waits for it."""
    living = LivingGroup(members_max=1)
    living.join(requires_known_member_id=True)
    (member,) = living.form(1)
    assert GroupError.GROUP_MAX_SIZE_REACHED is living.error(living.join("c-1"))
    assert GroupError.UNKNOWN_MEMBER_ID is living.heartbeat("c-1")
    assert 2 == living.joined(living.join(member)).generation


def test_handshakes() -> None:
    """Unfinished handshakes are limited too, with an answer upon which clients try again."""
    living = LivingGroup(members_max=2)
    errors = [living.error(living.join(requires_known_member_id=True)) for _ in range(3)]
    required = GroupError.MEMBER_ID_REQUIRED
    assert [required, required, GroupError.COORDINATOR_NOT_AVAILABLE] == errors
    assert living.waits(living.join("c-1"))


def test_metadata_of_all() -> None:
    """All members' metadata together is limited, as the leader is sent all of it in one answer."""
    living = LivingGroup(group_bytes_max=10)
    first, second = living.form(2, protocols=(("range", b"12345"),))
    assert GroupError.GROUP_MAX_SIZE_REACHED is living.error(living.join(protocols=(("range", b"1"),)))
    assert GroupError.GROUP_MAX_SIZE_REACHED is living.error(
        living.join(second, protocols=(("range", b"123456"),))
    )
    assert [first, second] == living.members()
    assert living.waits(living.join(second, protocols=(("range", b"54321"),)))


def test_assignments() -> None:
    """A leader's assignment that is too large is refused; if it brings no other, another member leads."""
    living = LivingGroup(group_bytes_max=20, session_timeout_ms_max=4 * REBALANCE_MS)
    leader, follower = living.count_in(2, session_timeout_ms=4 * REBALANCE_MS)
    waiting = living.sync(follower)
    assert GroupError.INVALID_REQUEST is living.error(living.sync(leader, {follower: b"x" * 21}))
    assert living.waits(waiting)
    living.advance(REBALANCE_MS)
    assert [follower] == living.members()
    living.joined(living.join(follower))
    assert b"x" * 20 == living.synced(living.sync(follower, {follower: b"x" * 20})).assignment


@pytest.mark.parametrize(
    "fields",
    [
        {"session_timeout_ms_min": 0},
        {"session_timeout_ms_min": 2_000_000},
        {"initial_rebalance_delay_ms": -1},
        {"members_max": 0},
        {"new_member_join_timeout_ms": 0},
        {"protocols_max": 0},
        {"name_chars_max": 0},
        {"member_metadata_bytes_max": 0},
        {"group_bytes_max": 0},
    ],
)
def test_settings(fields: dict[str, int]) -> None:
    """Settings that no group could live with are refused."""
    with pytest.raises(ValueError, match=r"must be|is above"):
        GroupSettings(**fields)
