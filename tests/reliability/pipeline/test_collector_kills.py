"""R10: a collector that is killed at any point of an apply has no effect twice, and none is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.pipeline.collector_program import POINTS
from tests.reliability.pipeline.kills import check_collector_kills

LONG_KILLS = 2_000


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("sqlite", 20),
        ("postgres", 6),
        pytest.param("sqlite", LONG_KILLS, marks=pytest.mark.long),
        pytest.param("postgres", LONG_KILLS, marks=pytest.mark.long),
    ],
)
def test_a_killed_collector_leaves_the_fold_of_the_log(
    seed: int, tmp_path: Path, views_of: Callable[..., str], kind: str, kills: int
) -> None:
    """They die before, inside and after the view's transaction."""
    deaths = check_collector_kills(tmp_path, views_of(kind), seed=seed, kills=kills)
    assert kills == sum(deaths.values())
    assert set(POINTS) == set(deaths)
