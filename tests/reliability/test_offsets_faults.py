"""R4: whichever operation of the offsets log fails, no commit is answered that is not durable."""

from __future__ import annotations

import pytest

from tests.reliability.offset_faults import check_offset_faults

STRIDE = 3


def test_a_failing_operation_costs_no_answered_commit(seed: int) -> None:
    """Every third n, of every kind, once and from then on."""
    check_offset_faults(seed=seed, stride=STRIDE)


@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
def test_failing_operations_at_length(seed: int, number: int) -> None:
    """Every n."""
    check_offset_faults(seed=seed + number)
