"""R2, R3: committed offsets survive a power cut at any operation, a start's own included."""

from __future__ import annotations

import pytest

from tests.reliability.offset_cuts import check_cuts_of_offset_starts, check_offset_cuts

SHARDS = 4
STATES_EACH = 1000
IMAGES_EACH = 10

LONG_SHARDS = 20
LONG_STATES_EACH = 10_000
LONG_IMAGES_EACH = 100


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_power_cut_loses_no_commit(seed: int, shard: int) -> None:
    """R2: what was answered is there, what was not is there whole or not at all; twice is as once."""
    check_offset_cuts(seed=seed + (shard << 32), states=STATES_EACH)


def test_a_power_cut_in_a_start_changes_nothing(seed: int) -> None:
    """R3: wherever a start is interrupted, the next one ends in the same state."""
    check_cuts_of_offset_starts(seed=seed, images=IMAGES_EACH)


@pytest.mark.long
@pytest.mark.parametrize("shard", range(LONG_SHARDS))
def test_power_cuts_at_length(seed: int, shard: int) -> None:
    """R2 and R3 at length."""
    check_offset_cuts(seed=seed + (shard << 32), states=LONG_STATES_EACH)
    check_cuts_of_offset_starts(seed=seed + (shard << 32), images=LONG_IMAGES_EACH)
