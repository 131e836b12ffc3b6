"""The states of a group and the moves between them."""

from __future__ import annotations

import itertools

import pytest

from eventlog.group import TRANSITIONS, GroupState
from eventlog.group.state import moved

LEGAL = {
    ("Empty", "PreparingRebalance"),
    ("Empty", "Dead"),
    ("PreparingRebalance", "CompletingRebalance"),
    ("PreparingRebalance", "Empty"),
    ("PreparingRebalance", "Dead"),
    ("CompletingRebalance", "Stable"),
    ("CompletingRebalance", "PreparingRebalance"),
    ("CompletingRebalance", "Dead"),
    ("Stable", "PreparingRebalance"),
    ("Stable", "Dead"),
}


@pytest.mark.parametrize(("old", "new"), [*itertools.product(GroupState, GroupState)])
def test_every_move(old: GroupState, new: GroupState) -> None:
    """Of all pairs of states exactly the ten legal moves are made; any other is an assertion."""
    if (old.value, new.value) in LEGAL:
        assert new is moved(old, new)
    else:
        with pytest.raises(AssertionError, match=f"from {old.value} to {new.value}"):
            moved(old, new)


def test_the_table_is_whole() -> None:
    """Every state has its row, and every state but the dead one leads on and can die."""
    assert set(GroupState) == set(TRANSITIONS)
    assert [GroupState.DEAD] == [state for state in GroupState if not TRANSITIONS[state]]
    assert all(GroupState.DEAD in row for state, row in TRANSITIONS.items() if state is not GroupState.DEAD)
