"""R11: a rebalance storm."""

from __future__ import annotations

import pytest

from tests.reliability.broker.storm import check_storm

STORM_S = 20.0
LONG_STORM_S = 600.0


def _check(seed: int, seconds: float) -> None:
    judge = check_storm(seed=seed, seconds=seconds)
    assert len(judge.owners) > seconds / 2, "there was no storm"
    assert judge.zombies > 0, "no member came back too late"


def test_a_storm_has_one_owner_at_a_time(seed: int) -> None:
    """Never two owners writing; what a stale generation, or another broker's member, commits is refused."""
    _check(seed, STORM_S)


@pytest.mark.long
def test_ten_minutes_of_storm(seed: int) -> None:
    """The same at length."""
    _check(seed, LONG_STORM_S)
