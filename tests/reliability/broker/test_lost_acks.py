"""R9: records that are sent again are stored once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.broker.lost_acks import check_lost_acks

RECORDS = 5_000
KILLS = 4
LONG_RECORDS = 1_000_000
LONG_KILLS = 200


def test_what_is_sent_again_is_stored_once(seed: int, tmp_path: Path) -> None:
    """With answers lost and the broker killed before it answers: no duplicates, and the order is kept."""
    assert check_lost_acks(tmp_path / "data", seed=seed, records=RECORDS, kills=KILLS) > 0


@pytest.mark.long
def test_what_is_sent_again_is_stored_once_at_length(seed: int, tmp_path: Path) -> None:
    """The same with a million records."""
    assert check_lost_acks(tmp_path / "data", seed=seed, records=LONG_RECORDS, kills=LONG_KILLS) > 0
