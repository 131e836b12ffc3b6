"""R5: rot in a closed log costs at most what it hit, and is never served."""

from __future__ import annotations

import pytest

from tests.reliability.damage import (
    check_cut_logs,
    check_flips_in_logs,
    check_flips_without_index,
    check_metadata,
    check_other_files,
)

PARTS = 4
EACH_EIGHTH = 8
LONG_BYTES = 1 << 20
LONG_PARTS = 16


@pytest.mark.parametrize("part", range(PARTS))
def test_a_flipped_bit_costs_at_most_its_batch(seed: int, part: int) -> None:
    """One bit of every byte of a 64 KiB log: other batches are served, forged and altered ones never."""
    check_flips_in_logs(seed=seed, part=part, parts=PARTS)


def test_a_flipped_bit_costs_at_most_its_batch_without_an_index(seed: int) -> None:
    """The same for every eighth byte where no index entry says where the next batch begins."""
    check_flips_without_index(seed=seed, part=seed % EACH_EIGHTH, parts=EACH_EIGHTH)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_cut_segment_costs_what_was_behind_the_cut(seed: int, part: int) -> None:
    """A truncation at every byte of every segment of a 64 KiB log: no file goes, no offset is given twice."""
    check_cut_logs(seed=seed, part=part, parts=PARTS)


def test_damaged_indexes_snapshots_and_states_cost_nothing(seed: int) -> None:
    """A flipped bit in, and a truncation at, every byte of all other files of a partition."""
    check_other_files(seed=seed)


def test_damaged_metadata_is_refused_by_name(seed: int) -> None:
    """Every byte of meta.json and topic.json: a clear refusal, or no harm."""
    check_metadata(seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("part", range(LONG_PARTS))
def test_rot_in_a_larger_log(seed: int, part: int) -> None:
    """Flips and truncations at every byte of a 1 MiB log."""
    check_flips_in_logs(seed=seed, size_bytes=LONG_BYTES, part=part, parts=LONG_PARTS)
    check_flips_without_index(seed=seed, size_bytes=LONG_BYTES, part=part, parts=LONG_PARTS)
    check_cut_logs(seed=seed, size_bytes=LONG_BYTES, part=part, parts=LONG_PARTS)
