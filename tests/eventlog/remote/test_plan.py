"""What a reset would change, for every goal and wherever the group stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.client.description import PartitionLag, TopicPartition, Watermarks
from eventlog.remote.group.goal import At, By, Each, Earliest, Goal, Latest
from eventlog.remote.group.plan import NothingToShiftError, plan

AT = TopicPartition("t", 0)
OFFSETS = st.integers(0, 2**63 - 1)


@st.composite
def standings(draw: st.DrawFn) -> PartitionLag:
    low, high = sorted((draw(OFFSETS), draw(OFFSETS)))
    return PartitionLag(AT, draw(st.none() | OFFSETS), Watermarks(low, high))


GOALS: st.SearchStrategy[Goal] = st.one_of(
    st.just(Earliest()),
    st.just(Latest()),
    OFFSETS.map(At),
    st.integers(-(2**63), 2**63 - 1).map(By),
    (st.none() | OFFSETS).map(lambda offset: Each({AT: offset})),
)


@given(standings(), GOALS)
def test_a_new_offset_lies_within_the_watermarks(standing: PartitionLag, goal: Goal) -> None:
    """Wherever it is wanted; where it is moved, a note says so; nothing is both skipped and read again."""
    if isinstance(goal, By) and standing.committed is None:
        with pytest.raises(NothingToShiftError):
            plan([standing], goal)
        return

    (move,) = plan([standing], goal)

    marks = standing.watermarks
    assert marks.log_start <= move.new <= marks.high_watermark
    assert bool(move.note) == (move.wanted != move.new)
    assert 0 == min(move.records_skipped, move.records_read_again)
    assert max(move.records_skipped, move.records_read_again) <= marks.record_count_max


@pytest.mark.parametrize(
    ("goal", "new", "skipped", "again", "note"),
    [
        (Earliest(), 10, 0, 20, ""),
        (Latest(), 50, 20, 0, ""),
        (At(30), 30, 0, 0, ""),
        (At(5), 10, 0, 20, "5 is below the log start"),
        (At(99), 50, 20, 0, "99 is above the high watermark"),
        (By(7), 37, 7, 0, ""),
        (By(-7), 23, 0, 7, ""),
        (Each({AT: 31}), 31, 1, 0, ""),
        (Each({AT: None}), 50, 20, 0, ""),
    ],
)
def test_each_goal(goal: Goal, new: int, skipped: int, again: int, note: str) -> None:
    """A group that stands at 30 of 10 to 50 goes where it is told."""
    (move,) = plan([PartitionLag(AT, 30, Watermarks(10, 50))], goal)

    assert (new, skipped, again, note) == (
        move.new,
        move.records_skipped,
        move.records_read_again,
        move.note,
    )


def test_what_retention_took_is_not_skipped() -> None:
    """Records below the log start are lost to the group already."""
    (move,) = plan([PartitionLag(AT, 3, Watermarks(10, 50))], At(12))

    assert (3, 12, 2, 0) == (move.old, move.new, move.records_skipped, move.records_read_again)


def test_partitions_come_in_order() -> None:
    """By topic, then by number."""
    partitions = [TopicPartition("b", 0), TopicPartition("a", 10), TopicPartition("a", 9)]

    moves = plan([PartitionLag(at, None, Watermarks(0, 1)) for at in partitions], Earliest())

    assert sorted(partitions) == [move.at for move in moves]
