"""R5 at the broker: what a client gets of a damaged log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.broker.damaged_log import check_damaged_log

FLIPS = 30
LONG_FLIPS = 5_000


def test_a_flipped_bit_is_sent_to_nobody(seed: int, tmp_path: Path) -> None:
    """The batch that it is in is refused as corrupt, and all the others are sent as they were."""
    check_damaged_log(tmp_path / "data", seed=seed, flips=FLIPS)


@pytest.mark.long
def test_thousands_of_flipped_bits(seed: int, tmp_path: Path) -> None:
    """The same at length."""
    check_damaged_log(tmp_path / "data", seed=seed, flips=LONG_FLIPS)
