"""R2 at the broker: what clients were told over the wire survives a power cut."""

from __future__ import annotations

import pytest

from tests.reliability.broker.power_cuts import check_broker_power_cuts

CUTS = 150
LONG_CUTS = 20_000


def test_a_power_cut_takes_back_nothing_that_was_told(seed: int) -> None:
    """Acknowledged records, records that consumers saw and answered commits are there afterwards."""
    check_broker_power_cuts(seed=seed, cuts=CUTS)


@pytest.mark.long
def test_power_cuts_at_length(seed: int) -> None:
    """The same, thousands of times."""
    check_broker_power_cuts(seed=seed, cuts=LONG_CUTS)
