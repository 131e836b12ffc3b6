"""R6 at the broker: a full disk stops producers, explicitly and in time, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.broker.full_volume import check_full_volume

ROUNDS = 2
LONG_ROUNDS = 50


def test_a_full_volume_refuses_records_alone(seed: int, tmp_path: Path) -> None:
    """Producers are told to try again; reads and commits go on; with room again, so do the producers."""
    check_full_volume(tmp_path / "small", seed=seed, rounds=ROUNDS)


@pytest.mark.long
def test_a_volume_that_fills_up_fifty_times(seed: int, tmp_path: Path) -> None:
    """The same many times over."""
    check_full_volume(tmp_path / "small", seed=seed, rounds=LONG_ROUNDS)
