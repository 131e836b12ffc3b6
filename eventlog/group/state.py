"""The states of a consumer group and the moves between them."""

from __future__ import annotations

import enum


class GroupState(enum.Enum):
    """Where a group is; the values are the names that Kafka's DescribeGroups shows."""

    EMPTY = "Empty"
    """No members. Committed offsets may remain, and simple consumers may commit."""
    PREPARING_REBALANCE = "PreparingRebalance"
    """Members are being counted: joins wait until all are in, or until the rebalance timeout."""
    COMPLETING_REBALANCE = "CompletingRebalance"
    """A new generation is counted: its leader works out who gets what, the others wait in sync."""
    STABLE = "Stable"
    """The leader's assignment is in: members work, heartbeat and commit."""
    DEAD = "Dead"
    """Deleted, or closed with the broker: every call is refused, and no move leads out."""


TRANSITIONS: dict[GroupState, frozenset[GroupState]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.PREPARING_REBALANCE: frozenset(
        {GroupState.COMPLETING_REBALANCE, GroupState.EMPTY, GroupState.DEAD}
    ),
    GroupState.COMPLETING_REBALANCE: frozenset(
        {GroupState.STABLE, GroupState.PREPARING_REBALANCE, GroupState.DEAD}
    ),
    GroupState.STABLE: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.DEAD: frozenset(),
}
"""From each state, the states that may follow."""


def moved(old: GroupState, new: GroupState) -> GroupState:
    """`new`, where the table lets `old` go there; anything else is a mistake in this package."""
    assert new in TRANSITIONS[old], f"a group does not go from {old.value} to {new.value}"
    return new
