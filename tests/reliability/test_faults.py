"""R4: every single operation fails in turn, once and from then on."""

from __future__ import annotations

import pytest

from tests.reliability.disks.faulty import Kind
from tests.reliability.faults import check_faults

NAMES = (Kind.MAKE_DIRECTORY, Kind.RENAME, Kind.UNLINK, Kind.REMOVE_DIRECTORY, Kind.SYNC_DIRECTORY)
SHARDS = {
    "write": (Kind.WRITE,),
    "flush": (Kind.FLUSH,),
    "open-truncate": (Kind.OPEN, Kind.TRUNCATE),
    "read-list": (Kind.READ, Kind.LIST),
    "names": NAMES,
}
LONG_WORKLOADS = 50
LONG_STEPS = 12


@pytest.mark.parametrize("kinds", SHARDS.values(), ids=SHARDS)
def test_no_fault_breaks_a_promise(seed: int, kinds: tuple[Kind, ...]) -> None:
    """No ack without durability; what a failed flush left in doubt is cut; afterwards writing resumes."""
    assert check_faults(seed=seed, kinds=kinds) > 0


@pytest.mark.long
@pytest.mark.parametrize("number", range(LONG_WORKLOADS))
@pytest.mark.parametrize("kinds", SHARDS.values(), ids=SHARDS)
def test_no_fault_breaks_a_promise_in_long_workloads(seed: int, kinds: tuple[Kind, ...], number: int) -> None:
    """The same in other and longer workloads."""
    assert check_faults(seed=seed + (number << 32), kinds=kinds, steps=LONG_STEPS) > 0
