"""R10: a collector that is killed at any point of an apply has no effect twice, and none is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.pipeline.collector_program import POINTS
from tests.reliability.pipeline.kills import check_collector_kills

KILLS = 20
LONG_KILLS = 2_000


def test_a_killed_collector_leaves_the_fold_of_the_log(seed: int, tmp_path: Path) -> None:
    """Twenty of them die before, inside and after the view's transaction."""
    deaths = check_collector_kills(tmp_path, seed=seed, kills=KILLS)
    assert KILLS == sum(deaths.values())
    assert set(POINTS) == set(deaths)


@pytest.mark.long
def test_collectors_that_are_killed_two_thousand_times(seed: int, tmp_path: Path) -> None:
    """The same at length."""
    assert LONG_KILLS == sum(check_collector_kills(tmp_path, seed=seed, kills=LONG_KILLS).values())
