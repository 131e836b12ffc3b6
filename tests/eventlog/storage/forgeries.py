"""Records that hold whole batches, as a hostile producer sends them to be believed after damage."""

from __future__ import annotations

from eventlog.record import CRC_START, Record, crc32c, encode_batch
from tests.eventlog.storage.chains import START_MS, Chain, join

FORGED = b"forged"


def forged_batch(base_offset: int, records: int = 1) -> bytes:
    """A good batch in every respect but where it came from."""
    return bytes(encode_batch([Record(None, FORGED)] * records, base_offset=base_offset))


def chain_with_batch_in_value(forged_offset: int, forged_records: int = 1) -> Chain:
    """Four batches of 2, 3, 2 and 1 records (offsets 0, 2, 5, 7); the second's first value is a batch."""
    value = forged_batch(forged_offset, forged_records)
    return _chain(Record(b"k", value, (), START_MS), 0)


def chain_with_batches_at_end(offsets: tuple[int, ...], number: int = 1) -> Chain:
    """The same four; here the last header's value in batch `number` is batches, which end where it ends."""
    value = b"".join(forged_batch(offset) for offset in offsets)
    return _chain(Record(b"k", b"v", (("trace", value),), START_MS), -1, number)


def chain_with_tail(tail: bytes, number: int = 1) -> Chain:
    """The same four; the last header's value in batch `number` is `tail`."""
    return _chain(Record(b"k", b"v", (("trace", tail),), START_MS), -1, number)


def _chain(record: Record, at: int, number: int = 1) -> Chain:
    plain = Record(b"k", b"value", (), START_MS)
    batches = [[plain] * 2, [plain] * 3, [plain] * 2, [plain]]
    batches[number][at] = record
    encoded, offset = [], 0
    for records in batches:
        encoded.append(bytes(encode_batch(records, base_offset=offset)))
        offset += len(records)
    return join(encoded)


def batch_with_two_ends(base_offset: int, forged_offset: int) -> tuple[bytes, int]:
    """A batch whose checksum also matches its bytes up to the forged batch at its end: (it, that place).

    CRC-32C is linear: 8 free bytes in the forged batch's value make both sums equal, if the bits that
    they move reach the difference, which depends on how many bytes lie between.
    """
    for padding_bytes in range(200):
        found = _with_two_ends(base_offset, forged_offset, padding_bytes)
        if found is not None:
            return found
    raise AssertionError("the free bytes do not reach the difference")


def _with_two_ends(base_offset: int, forged_offset: int, padding_bytes: int) -> tuple[bytes, int] | None:
    free_bytes = 8

    def build(filling: int) -> tuple[bytes, int]:
        value = filling.to_bytes(free_bytes, "big") + bytes(padding_bytes)
        forged = bytes(encode_batch([Record(None, value)], base_offset=forged_offset))
        records = [Record(b"k", b"v"), Record(b"k", b"v", (("trace", forged),), START_MS)]
        batch = bytes(encode_batch(records, base_offset=base_offset))
        return batch, len(batch) - len(forged)

    def difference(filling: int) -> int:
        batch, at = build(filling)
        return crc32c(batch[CRC_START:at]) ^ crc32c(batch[CRC_START:])

    constant = difference(0)
    basis: list[tuple[int, int]] = []  # (difference, the bits of the filling that make it)
    for bit in range(8 * free_bytes):
        moved, made_of = _reduce(difference(1 << bit) ^ constant, 1 << bit, basis)
        if moved:
            basis.append((moved, made_of))
    left, filling = _reduce(constant, 0, basis)
    return build(filling) if left == 0 else None


def _reduce(moved: int, made_of: int, basis: list[tuple[int, int]]) -> tuple[int, int]:
    for known, parts in sorted(basis, reverse=True):
        if moved ^ known < moved:
            moved, made_of = moved ^ known, made_of ^ parts
    return moved, made_of
