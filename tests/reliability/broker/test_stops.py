"""R16: SIGTERM under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.broker.stops import check_stop_answers, check_stops_under_load

STOPS = 5
LONG_STOPS = 200


def test_a_stop_under_load_is_clean(seed: int, tmp_path: Path) -> None:
    """Exit 0 within ten seconds, nothing lost, and the next start finds clean marks."""
    check_stops_under_load(tmp_path / "data", seed=seed, stops=STOPS)


def test_a_stop_answers_what_was_taken(seed: int) -> None:
    """Records and commits that wait for their flush are flushed and answered before the connections end."""
    check_stop_answers(seed=seed)


@pytest.mark.long
def test_two_hundred_stops_under_load(seed: int, tmp_path: Path) -> None:
    """The same at length."""
    check_stops_under_load(tmp_path / "data", seed=seed, stops=LONG_STOPS)
