"""The two slots of a partition's state: the newest good one counts, and no damage is believed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import NewerFormatError
from eventlog.record import crc32c
from eventlog.storage.state_slots import FILE_BYTES, SLOT_BYTES, Slot, State, newest_slot, pack_slot

OLD, NEW = State(100, 7), State(250, 90, distrusted=True)
states = st.builds(State, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.booleans(), st.booleans())


@given(first=states, second=states, generation=st.integers(1, 2**64 - 2), is_first_newer=st.booleans())
def test_the_higher_generation_counts(
    first: State, second: State, generation: int, is_first_newer: bool
) -> None:
    """Whichever slot it stands in, every field comes back as it was written."""
    one, two = (generation + 1, generation) if is_first_newer else (generation, generation + 1)
    data = pack_slot(one, first) + pack_slot(two, second)
    assert FILE_BYTES == len(data)
    expected = Slot(0, one, first) if is_first_newer else Slot(1, two, second)
    assert expected == newest_slot(data)


def test_the_bytes_of_a_slot() -> None:
    """A slot is its fields, their checksum, and zeros up to the block's end."""
    fields = bytes.fromhex("67707374 0001 0001 0000000000000005 00000000000000fa 000000000000005a")
    expected = fields + crc32c(fields).to_bytes(4, "big")
    assert expected.ljust(512, b"\0") == pack_slot(5, NEW)


@pytest.mark.parametrize("size", [0, 35, SLOT_BYTES, SLOT_BYTES + 35])
def test_a_short_file_has_the_slots_that_fit(size: int) -> None:
    """What a cut left of a slot is none."""
    data = (pack_slot(1, OLD) + pack_slot(2, NEW))[:size]
    assert (Slot(0, 1, OLD) if size >= SLOT_BYTES else None) == newest_slot(data)


def test_a_slot_needs_no_padding() -> None:
    """The last slot is whole once its fields and checksum are there."""
    assert Slot(1, 2, NEW) == newest_slot((pack_slot(1, OLD) + pack_slot(2, NEW))[: SLOT_BYTES + 36])


def test_every_flipped_bit_leaves_the_other_slot() -> None:
    """Damage to a slot's fields costs that slot, damage to its padding nothing."""
    data = pack_slot(4, OLD) + pack_slot(5, NEW)
    for bit in range(8 * FILE_BYTES):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        in_second = SLOT_BYTES <= bit // 8 < SLOT_BYTES + 36
        assert (Slot(0, 4, OLD) if in_second else Slot(1, 5, NEW)) == newest_slot(bytes(damaged))


@pytest.mark.parametrize(
    "data", [b"", bytes(FILE_BYTES), b"\xff" * FILE_BYTES], ids=["empty", "zero", "ones"]
)
def test_a_file_without_a_good_slot(data: bytes) -> None:
    """Nothing, zeros and ones are no state."""
    assert newest_slot(data) is None


def test_another_magic_is_no_slot() -> None:
    """A good checksum over another file's magic does not make a state."""
    assert newest_slot(_forged(b"gpps", 1)) is None


def test_a_newer_format_is_refused() -> None:
    """A good slot of a later format tells to upgrade, also beside an older good one."""
    for data in (_forged(b"gpst", 2), pack_slot(9, OLD) + _forged(b"gpst", 2)):
        with pytest.raises(NewerFormatError, match="format 2, this gputail knows 1; upgrade"):
            newest_slot(data)


def _forged(magic: bytes, version: int) -> bytes:
    fields = struct.pack(">4sHHQqq", magic, version, 0, 1, 2, 3)
    return (fields + crc32c(fields).to_bytes(4, "big")).ljust(SLOT_BYTES, b"\0")
