"""Chains of record batches as a segment holds them, and the places of their boundaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from eventlog.record import Record, encode_batch
from eventlog.storage.scan import Place, Read, ScannedBatch, walk

START_MS = 1_700_000_000_000


@attrs.frozen
class Chain:
    """The bytes of good batches, one after another; `places` are theirs and, last, the end."""

    data: bytes
    places: tuple[Place, ...]

    @property
    def start(self) -> Place:
        return self.places[0]

    @property
    def end(self) -> Place:
        return self.places[-1]

    @property
    def batches(self) -> list[ScannedBatch]:
        """Every batch, as the walk shows it."""
        found = list(walk(reading(self.data), self.start, len(self.data), bodies=True))
        assert len(found) == len(self.places) - 1
        return [batch for batch in found if isinstance(batch, ScannedBatch)]

    def number_at(self, position: int) -> int:
        """Which batch holds the byte at `position`."""
        return next(n for n, place in enumerate(self.places[1:]) if position < place.position)

    def flipped(self, bit: int) -> bytes:
        """The bytes with one bit changed."""
        damaged = bytearray(self.data)
        damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    def overwritten(self, position: int, data: bytes) -> bytes:
        """The bytes with others in their place from `position` on."""
        assert position + len(data) <= len(self.data)
        return self.data[:position] + data + self.data[position + len(data) :]


def join(batches: Iterable[bytes], base_offset: int = 0) -> Chain:
    """Batches that were given dense offsets, as one chain from `base_offset` on."""
    data = b"".join(batches)
    places = [Place(0, base_offset)]
    for found in walk(reading(data), places[0], len(data), bodies=True):
        assert isinstance(found, ScannedBatch), f"not a chain: {found}"
        places.append(found.end)
    return Chain(data, tuple(places))


def chain_of(batches: Sequence[Sequence[Record]], base_offset: int = 0) -> Chain:
    """One batch for each list of records."""
    encoded, offset = [], base_offset
    for records in batches:
        encoded.append(bytes(encode_batch(records, base_offset=offset)))
        offset += len(records)
    return join(encoded, base_offset)


def plain_chain(counts: Sequence[int], base_offset: int = 0, value_bytes: int = 5) -> Chain:
    """A batch for each count of records; a record is one second younger than the one before it."""
    batches, number = [], 0
    for count in counts:
        batches.append(
            [
                Record(
                    b"gpu", bytes([65 + (number + n) % 26]) * value_bytes, (), START_MS + 1000 * (number + n)
                )
                for n in range(count)
            ]
        )
        number += count
    return chain_of(batches, base_offset)


def reading(data: bytes) -> Read:
    """What a file of these bytes answers."""
    return lambda size, position: data[position : position + size]
