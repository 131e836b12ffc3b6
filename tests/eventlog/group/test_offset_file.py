"""Reading one file of the offsets log."""

from __future__ import annotations

from eventlog.group.offset_file import ChangesRead, TornTail, end_of, read_offsets
from eventlog.group.offset_record import encode_change
from eventlog.record import Record, encode_batch
from eventlog.storage.scan import Damage, DamageKind, Place
from tests.eventlog.group.offset_changes import NOW_MS, commit


def batches(*counts: int, base_offset: int = 0) -> list[bytes]:
    """Batches with so many commits each."""
    made = []
    for count in counts:
        records = [encode_change(commit(base_offset + number), NOW_MS) for number in range(count)]
        made.append(bytes(encode_batch(records, base_offset=base_offset)))
        base_offset += count
    return made


def read(data: bytes, base_offset: int = 0) -> list[ChangesRead | Damage | TornTail]:
    return list(read_offsets(lambda size, position: data[position : position + size], base_offset, len(data)))


def test_changes_come_in_order() -> None:
    """Batch by batch, from the offset in the name on."""
    data = b"".join(batches(1, 2, base_offset=7))
    found = read(data, 7)
    assert [(commit(7),), (commit(8), commit(9))] == [
        part.changes for part in found if isinstance(part, ChangesRead)
    ]
    assert Place(len(data), 10) == end_of(found, 7)


def test_an_empty_file() -> None:
    """Says nothing and ends where it begins."""
    assert [] == read(b"", 7)
    assert Place(0, 7) == end_of([], 7)


def test_damage_in_the_middle_is_passed_over() -> None:
    """Only the damaged batch is not believed."""
    first, second, third = batches(1, 1, 1)
    bad = bytearray(second)
    bad[-1] ^= 1
    found = read(first + bad + third)
    assert [ChangesRead, Damage, ChangesRead] == [type(part) for part in found]
    assert Damage(DamageKind.CRC, len(first), 1, len(first + second), 2) == found[1]


def test_damage_at_the_end_is_a_torn_tail() -> None:
    """What an interrupted write leaves; the end is before it."""
    first, second = batches(1, 1)
    found = read(first + second[:-1])
    assert [ChangesRead, TornTail] == [type(part) for part in found]
    assert Place(len(first), 1) == end_of(found, 0)


def test_a_good_batch_of_something_else() -> None:
    """Records that are no changes are damage of that batch, with its bounds, also at the end."""
    first, last = batches(1, base_offset=0)[0], batches(1, base_offset=2)[0]
    foreign = bytes(encode_batch([Record(b"?", None)], base_offset=1))
    found = read(first + foreign + last)
    assert [ChangesRead, Damage, ChangesRead] == [type(part) for part in found]
    assert Damage(DamageKind.LENGTH, len(first), 1, len(first + foreign), 2) == found[1]
    assert Place(len(first + foreign), 2) == end_of(read(first + foreign), 0)
