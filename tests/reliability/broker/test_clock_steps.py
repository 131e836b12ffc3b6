"""R7 at the broker: clients live by the monotonic clock."""

from __future__ import annotations

import pytest

from tests.reliability.broker.clock_steps import check_clock_steps

STEPS = 10
LONG_STEPS = 200


def test_nobody_notices_that_the_clock_was_set(seed: int) -> None:
    """No segment and no committed offset goes early, no member is given up, offsets are dense."""
    check_clock_steps(seed=seed, steps=STEPS)


@pytest.mark.long
def test_two_hundred_clock_steps(seed: int) -> None:
    """The same at length."""
    check_clock_steps(seed=seed, steps=LONG_STEPS)
