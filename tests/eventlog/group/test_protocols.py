"""How the members agree on a protocol (an assignor)."""

from __future__ import annotations

from typing import Any

import pytest

from eventlog.group import GroupError, Protocols
from tests.eventlog.group.living_group import LivingGroup


def named(*names: str) -> Protocols:
    return tuple((name, name.encode()) for name in names)


@pytest.mark.parametrize(
    ("preferences", "chosen"),
    [
        ([("range", "sticky"), ("sticky", "range"), ("sticky", "range")], "sticky"),
        ([("range", "sticky"), ("sticky", "range")], "range"),  # a tie goes to the first
        ([("new", "range"), ("new", "range"), ("range",)], "range"),  # not all know the favourite
        ([("new", "b", "a"), ("a", "b"), ("b", "a")], "b"),
    ],
)
def test_votes(preferences: list[tuple[str, ...]], chosen: str) -> None:
    """Of the protocols that all know, the one that most members like best is chosen."""
    living = LivingGroup()
    tokens = [living.join(protocols=named(*names)) for names in preferences]
    living.advance(200)
    assert {chosen} == {living.joined(token).protocol for token in tokens}
    assert {chosen.encode()} == {member.metadata for member in living.joined(tokens[0]).members}


@pytest.mark.parametrize(
    "changes",
    [
        {"protocols": named("sticky")},
        {"protocols": ()},
        {"protocol_type": ""},
        {"protocol_type": "connect"},
    ],
)
def test_nothing_in_common(changes: dict[str, Any]) -> None:
    """Who has no protocol in common with the members, or none at all, is refused and disturbs nobody."""
    living = LivingGroup()
    (member,) = living.form(1)
    assert GroupError.INCONSISTENT_GROUP_PROTOCOL is living.error(living.join(**changes))
    assert None is living.heartbeat(member)


@pytest.mark.parametrize("changes", [{"protocols": ()}, {"protocol_type": ""}])
def test_first_member_needs_a_protocol(changes: dict[str, Any]) -> None:
    """A group cannot begin without a protocol."""
    living = LivingGroup()
    assert GroupError.INCONSISTENT_GROUP_PROTOCOL is living.error(living.join(**changes))


def test_change_of_protocol() -> None:
    """A member may change its protocols to any that the others know, a lone one to any at all."""
    living = LivingGroup(initial_rebalance_delay_ms=0)
    first = living.joined(living.join(protocols=named("range"))).member_id
    assert "sticky" == living.joined(living.join(first, protocols=named("sticky"))).protocol
    living.sync(first)

    second = living.join(protocols=named("sticky", "range"))
    refused = living.join(first, protocols=named("new"))
    assert GroupError.INCONSISTENT_GROUP_PROTOCOL is living.error(refused)
    living.join(first, protocols=named("range"))
    assert "range" == living.joined(second).protocol


def test_new_beginning_with_another_type() -> None:
    """An empty group takes the protocol type of its next first member."""
    living = LivingGroup()
    living.form(1)
    living.advance(10_000)
    token = living.join(protocol_type="connect")
    living.advance(100)
    assert "connect" == living.joined(token).protocol_type
