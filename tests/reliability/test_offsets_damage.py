"""R5: rot in the offsets log costs at most what it hit, and no wrong offset is ever served."""

from __future__ import annotations

import pytest

from tests.reliability.offset_damage import check_cut_offsets, check_flips_in_offsets

LONG_BATCHES = 60


def test_a_flipped_bit_costs_its_batch(seed: int) -> None:
    """One bit of every byte: the other batches' offsets are served, and a copy of the file is kept."""
    check_flips_in_offsets(seed=seed)


def test_a_cut_file_costs_what_was_behind_the_cut(seed: int) -> None:
    """A truncation at every byte: what is before it is served, and the torn rest is kept."""
    check_cut_offsets(seed=seed)


@pytest.mark.long
def test_rot_in_a_larger_file(seed: int) -> None:
    """The same at length."""
    check_flips_in_offsets(seed=seed, batches=LONG_BATCHES)
    check_cut_offsets(seed=seed, batches=LONG_BATCHES)
