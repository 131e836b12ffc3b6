"""Intervals behave as the set of the positions that they hold."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.storage.intervals import Intervals

POSITION_MAX = 40
bounds = st.tuples(st.integers(0, POSITION_MAX), st.integers(1, 12)).map(lambda pair: (pair[0], sum(pair)))
Step = tuple[Literal["add"], tuple[int, int]] | tuple[Literal["cut"], int]
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("add"), bounds),
        st.tuples(st.just("cut"), st.integers(0, POSITION_MAX)),
    ),
    max_size=12,
)


def built(*stretches: tuple[int, int]) -> Intervals:
    intervals = Intervals()
    for start, end in stretches:
        intervals.add(start, end)
    return intervals


def held(intervals: Intervals, end: int = 2 * POSITION_MAX) -> set[int]:
    """The positions in there, as `first_gap` tells it."""
    missing: set[int] = set()
    start = 0
    while (gap := intervals.first_gap(start, end)) is not None:
        assert start <= gap[0] < gap[1] <= end
        missing.update(range(*gap))
        start = gap[1]
    return set(range(end)) - missing


@given(steps)
def test_a_set_of_positions(steps: list[Step]) -> None:
    """After any stretches added and cut, exactly the positions of the model are in."""
    intervals, model = Intervals(), set[int]()
    for step in steps:
        if step[0] == "add":
            intervals.add(*step[1])
            model |= set(range(*step[1]))
        else:
            intervals.cut(step[1])
            model = {position for position in model if position < step[1]}
        assert model == held(intervals)


@given(stretches=st.lists(bounds, max_size=8), start=st.integers(0, POSITION_MAX), size=st.integers(-2, 30))
def test_the_first_gap(stretches: list[tuple[int, int]], start: int, size: int) -> None:
    """The gap begins at the first position that is missing and ends before the next one that is in."""
    model = set().union(*(range(*stretch) for stretch in stretches))
    missing = [position for position in range(start, start + size) if position not in model]
    gap = built(*stretches).first_gap(start, start + size)
    if not missing:
        assert gap is None
    else:
        assert gap is not None
        assert missing[: gap[1] - gap[0]] == list(range(*gap))
        assert gap[1] == start + size or gap[1] in model


@pytest.mark.parametrize("second", [(5, 9), (9, 12), (3, 5), (0, 20), (6, 7)])
def test_what_touches_becomes_one(second: tuple[int, int]) -> None:
    """Stretches that meet or overlap leave no gap between them."""
    first = (5, 9)
    whole = built(first, (40, 50), second)
    assert whole.first_gap(min(5, second[0]), max(9, second[1])) is None


def test_appends_cost_no_memory() -> None:
    """A log that grows batch by batch is one stretch."""
    intervals = built(*((n, n + 1) for n in range(1000)))
    assert ([0], [1000]) == (intervals._starts, intervals._ends)


def test_a_cut_through_a_stretch_shortens_it() -> None:
    """What lies before the cut stays, and an append goes on from there."""
    intervals = built((0, 10), (20, 30))
    intervals.cut(25)
    assert (25, 30) == intervals.first_gap(20, 30)
    intervals.cut(5)
    assert (5, 30) == intervals.first_gap(0, 30)
    intervals.add(5, 30)
    assert intervals.first_gap(0, 30) is None


def test_a_cut_before_all_leaves_nothing() -> None:
    """And what is added then stands alone."""
    intervals = built((3, 10), (20, 30))
    intervals.cut(0)
    assert (0, 40) == intervals.first_gap(0, 40)
    intervals.add(5, 40)
    assert (0, 5) == intervals.first_gap(0, 40)
