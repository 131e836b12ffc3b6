"""R4 at the broker: a volume that fails under clients."""

from __future__ import annotations

import pytest

from tests.reliability.broker.failing_volume import check_failing_volume

FAULTS = 40
LONG_FAULTS = 2_000


def test_clients_outlive_the_faults_of_a_volume(seed: int) -> None:
    """Nobody is refused for good, nothing that was told is taken back, and everything resumes by itself."""
    assert check_failing_volume(seed=seed, faults=FAULTS) > 0


@pytest.mark.long
def test_thousands_of_faults(seed: int) -> None:
    """The same at length."""
    assert check_failing_volume(seed=seed, faults=LONG_FAULTS) > 0
