"""Which of several chains is believed, when a damaged batch ends with batches of a producer's own making."""

from __future__ import annotations

import pytest

from eventlog.record import Record, crc32c, encode_batch
from eventlog.storage.resync import bound
from eventlog.storage.scan import Damage, DamageKind, Place
from tests.eventlog.record.forge import forge
from tests.eventlog.storage.chains import Chain, join, plain_chain, reading
from tests.eventlog.storage.damaged_reading import read_past_damage
from tests.eventlog.storage.forgeries import (
    FORGED,
    batch_with_two_ends,
    chain_with_batches_at_end,
    chain_with_tail,
    forged_batch,
)

HEADER_ZEROED = bytes(61)


def resumed(chain: Chain, data: bytes, number: int = 1) -> Place:
    """Where reading goes on after the batch `number` was found damaged."""
    position, offset = chain.places[number]
    damage = Damage(DamageKind.CRC, position, offset, position, offset)
    found = bound(reading(data), damage, (), chain.end)
    return Place(found.end_position, found.next_offset)


def test_the_forgery_is_one() -> None:
    """What these tests hide in a record would be believed if it alone were asked."""
    chain = chain_with_batches_at_end((4,))
    place = Place(chain.places[2].position - len(forged_batch(4)), 4)
    assert chain.data[place.position : chain.places[2].position] == forged_batch(4)
    assert [place, *chain.places[2:-1]] == read_past_damage(chain.data, place, (), chain.end).believed


def test_a_checksum_that_matches_is_believed_before_a_length() -> None:
    """The checksum proves the extent even where the length leads to a later batch."""
    chain = plain_chain([1, 2, 1, 1])
    start, longer = chain.places[1].position, chain.places[3].position - chain.places[1].position
    data = chain.overwritten(start + 8, (longer - 12).to_bytes(4, "big"))
    assert chain.places[2] == resumed(chain, data)


def test_a_length_that_leads_to_a_link_is_believed_before_an_earlier_one() -> None:
    """A damaged body is passed by its length, over the batch at its end."""
    chain = chain_with_batches_at_end((4,))
    data = chain.overwritten(chain.places[1].position + 70, b"\xff\xff\xff")
    assert chain.places[2] == resumed(chain, data)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", bytes(4), b"\x00\x00\x00\x40", b"\x7f\xff\xff\xff"])
def test_a_length_that_leads_to_no_link_is_not_believed(length: bytes) -> None:
    """With checksum and length both gone the earliest link counts."""
    chain = plain_chain([1, 2, 1, 1])
    start = chain.places[1].position
    data = bytearray(chain.overwritten(start + 8, length))
    data[start + 70] ^= 1
    assert chain.places[2] == resumed(chain, bytes(data))


REFUSED = {
    "offset given already": forged_batch(2, 3),
    "offset before the damage": forged_batch(1, 4),
    "offsets that leave a gap": forged_batch(3),
    "offsets that overlap": forged_batch(4, 2),
    "checksum": forged_batch(4)[:-1] + b"\xff",
    "leader epoch": bytes(encode_batch([Record(None, FORGED)], base_offset=4, leader_epoch=1)),
    "no records": forge(b"12345678", base_offset=5, last_offset_delta=-1, record_count=0),
    "count": forge(b"12345678", base_offset=4, record_count=2),
    "too long": forge(b"12345678", base_offset=4, batch_length=49 + 9),
    "too short": forge(b"12345678", base_offset=4, batch_length=49 + 7),
    "negative length": forge(b"12345678", base_offset=4, batch_length=-1),
}


@pytest.mark.parametrize("tail", REFUSED.values(), ids=REFUSED)
def test_what_is_no_link(tail: bytes) -> None:
    """At the end of a batch of whose header nothing is left, these bytes are not taken for one."""
    chain = chain_with_tail(tail)
    data = chain.overwritten(chain.places[1].position, HEADER_ZEROED)
    assert chain.places[2] == resumed(chain, data)


def test_batches_do_not_overlap() -> None:
    """A header that reaches into the next batch's header is no link, though its checksum matches."""
    following = forge(b"", base_offset=1, base_timestamp_ms=1 << 48)  # seen from 32 bytes before: count 1
    head = forge(b"", base_offset=0, batch_length=32 - 12)[:32]
    head = head[:17] + crc32c(head[21:]).to_bytes(4, "big") + head[21:]
    stretch = bytes(90) + head + following
    damage = Damage(DamageKind.MAGIC, 0, -1, 0, -1)
    found = bound(reading(stretch), damage, (), Place(len(stretch), 2))
    assert Place(122, 1) == Place(found.end_position, found.next_offset)


@pytest.mark.parametrize("byte", range(17))
def test_a_checksum_that_matches_twice_does_not_prove_the_forged_end(byte: int) -> None:
    """A batch made to match its checksum at a forged batch as well is still left at its true end."""
    batch, forged_at = batch_with_two_ends(base_offset=1, forged_offset=2)
    first = bytes(encode_batch([Record(b"k", b"v")], base_offset=0))
    chain = join([first, batch, bytes(encode_batch([Record(b"k", b"v")], base_offset=3))])
    stored = int.from_bytes(batch[17:21], "big")
    assert stored == crc32c(batch[21:]) == crc32c(batch[21:forged_at]), "the batch is made so"
    assert chain.places[2] == resumed(chain, chain.flipped(8 * (chain.places[1].position + byte)))


def test_nothing_tells_a_forged_batch_where_the_header_is_gone() -> None:
    """Zeros over the whole header are the limit: the earliest chain counts, and may be a record's own."""
    chain = chain_with_batches_at_end((4,))
    data = chain.overwritten(chain.places[1].position, HEADER_ZEROED)
    assert Place(chain.places[2].position - len(forged_batch(4)), 4) == resumed(chain, data)
