"""When passes begin, and how many events may go."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.pacing import INTERVAL_S_MIN, Allowance, Cadence, shares


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.data())
def test_a_budget_is_shared_by_what_is_wanted(wanted: list[int], data: st.DataObject) -> None:
    """The parts come to the budget, and nobody gets more than it wants, or nothing at all."""
    budget = data.draw(st.integers(0, sum(wanted)))
    parts = shares(wanted, sum(wanted), budget, data.draw(st.integers(0, len(wanted) - 1)))
    assert budget == sum(part for _, part in parts)
    assert all(0 < part <= wanted[index] for index, part in parts)
    assert len(parts) == len({index for index, _ in parts})


def test_small_budgets_go_round() -> None:
    """One event a turn, and everybody has its turn."""
    assert [[(turn, 1)] for turn in range(4)] == [shares([5, 9, 1, 7], 22, 1, turn) for turn in range(4)]


def test_the_rate_is_kept_however_the_turns_fall(seed: int) -> None:
    """Over turns of any length, of up to a fifth of a second, the count is rate times time."""
    luck = random.Random(seed)
    for rate in (0.5, 3.0, 1_000.0, 123_456.7):
        allowance, now_s, sent = Allowance(), 50.0, 0
        assert 0 == allowance.take(now_s, rate)
        while now_s < 150.0:
            now_s += luck.uniform(0, 0.2)
            count = allowance.take(now_s, rate)
            allowance.spend(count)
            sent += count
        assert rate * (now_s - 50.0) - 1 <= sent + 1e-6
        assert sent <= rate * (now_s - 50.0) + 1


def test_lost_time_is_not_made_up_for() -> None:
    """After a pause a quarter of a second's events and one go at once, and after a rest none."""
    allowance = Allowance()
    allowance.take(0.0, 1_000.0)
    assert 251 == allowance.take(60.0, 1_000.0)
    allowance.spend(251)
    allowance.rest()
    assert 0 == allowance.take(120.0, 1_000.0)
    assert allowance.take(120.1, 1_000.0) in (99, 100)


def test_slow_rates_get_their_event() -> None:
    """One event in ten seconds goes after ten seconds."""
    allowance = Allowance()
    assert 0 == allowance.take(0.0, 0.1)
    assert 10.0 == allowance.wait_s(0.1)
    assert 0 == allowance.take(9.9, 0.1)
    assert 1 == allowance.take(10.1, 0.1)
    assert 0.0 == allowance.wait_s(0.1)


def test_passes_stay_on_the_grid() -> None:
    """A pass that begins a little late does not move the ones after it."""
    cadence = Cadence(1.0)
    due_s = cadence.first(100.0, None)
    for number in range(1, 50):
        due_s = cadence.following(due_s, due_s + 0.05)
        assert 100.0 + number == pytest.approx(due_s)


def test_passes_that_were_missed_are_not_caught_up_with() -> None:
    """After a long pause the next pass begins at once, and the one after it an interval later."""
    cadence = Cadence(1.0)
    due_s = cadence.first(100.0, None)
    assert 161.0 == cadence.following(due_s, 160.0)


@pytest.mark.parametrize(("age_s", "expected_s"), [(0.3, 10.7), (0.0, 11.0), (5.0, 10.0), (-3.0, 11.0)])
def test_the_first_pass_waits_for_the_last_of_the_owner_before(age_s: float, expected_s: float) -> None:
    """An interval after what the log shows, and never longer than one, whatever the clocks say."""
    assert expected_s == pytest.approx(Cadence(1.0).first(10.0, age_s))


def test_a_partition_that_comes_later_falls_into_step() -> None:
    """Its passes begin with those of the others, and no earlier than it may."""
    cadence = Cadence(1.0)
    assert 10.0 == cadence.first(10.0, None)
    assert 13.0 == pytest.approx(cadence.first(12.4, 0.9))
    assert 14.0 == pytest.approx(cadence.first(12.4, 0.1))
    cadence.following(10.0, 20.3)
    assert 22.3 == pytest.approx(cadence.first(21.5, None))


def test_no_two_passes_in_a_millisecond() -> None:
    """With no interval at all a pass still takes a millisecond, so that the time is above every pass."""
    cadence = Cadence(0)
    assert cadence.following(5.0, 5.0) == 5.0 + INTERVAL_S_MIN
