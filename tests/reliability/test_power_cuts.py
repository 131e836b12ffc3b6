"""R2, R3: after a power cut at any operation, recovery's own included, nothing acknowledged is lost."""

from __future__ import annotations

import pytest

from tests.reliability.power_cuts import check_cuts_of_recovery, check_killed_roll, check_power_cuts

SHARDS = 10
STATES_EACH = 1000
IMAGES_EACH = 5

LONG_SHARDS = 100
LONG_STATES_EACH = 10_000
LONG_IMAGES_EACH = 20


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_power_cut_loses_nothing_acknowledged(seed: int, shard: int) -> None:
    """R2: what was acknowledged is there as it was sent, the rest as sent or not at all; twice is as once."""
    check_power_cuts(seed=seed + (shard << 32), states=STATES_EACH)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_power_cut_in_recovery_changes_nothing(seed: int, shard: int) -> None:
    """R3: wherever a recovery is interrupted, the next one ends in the same state."""
    check_cuts_of_recovery(seed=seed + (shard << 32), images=IMAGES_EACH)


def test_a_killed_roll_costs_nothing_later(seed: int) -> None:
    """A segment's name that a killed process left in the page cache is durable before it is relied on."""
    check_killed_roll(seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("shard", range(LONG_SHARDS))
def test_a_million_power_cuts(seed: int, shard: int) -> None:
    """R2 at length, each state recovered twice."""
    check_power_cuts(seed=seed + (shard << 32), states=LONG_STATES_EACH, again_each=1)


@pytest.mark.long
@pytest.mark.parametrize("shard", range(LONG_SHARDS))
def test_two_thousand_interrupted_recoveries(seed: int, shard: int) -> None:
    """R3 at length."""
    check_cuts_of_recovery(seed=seed + (shard << 32), images=LONG_IMAGES_EACH)
