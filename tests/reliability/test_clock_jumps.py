"""R7: retention believes the wall clock only as far as it can."""

from __future__ import annotations

import pytest

from tests.reliability.clock_jumps import check_clock_jumps

ROUNDS = 10
LONG_ROUNDS = 200


def test_a_jumping_clock_deletes_nothing_early(seed: int) -> None:
    """Jumps by -1 h, +1 h, +10 years and to 1970: no segment goes before its time, offsets stay dense."""
    check_clock_jumps(seed=seed, rounds=ROUNDS)


@pytest.mark.long
def test_a_jumping_clock_deletes_nothing_early_at_length(seed: int) -> None:
    """The same many times over."""
    check_clock_jumps(seed=seed, rounds=LONG_ROUNDS)
