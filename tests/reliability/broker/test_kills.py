"""R1: a killed broker loses, alters, reorders and repeats nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.broker.kills import ACKED_EACH, check_kills

CYCLES = 20
LONG_CYCLES = 1000


def test_a_killed_broker_keeps_what_it_acknowledged(seed: int, tmp_path: Path) -> None:
    """Twenty times killed under four producers and two consumers, and every acknowledged batch is there."""
    assert check_kills(tmp_path / "data", seed=seed, cycles=CYCLES) > ACKED_EACH * CYCLES


@pytest.mark.long
def test_a_broker_that_is_killed_a_thousand_times(seed: int, tmp_path: Path) -> None:
    """The same at length."""
    assert check_kills(tmp_path / "data", seed=seed, cycles=LONG_CYCLES) > ACKED_EACH * LONG_CYCLES
