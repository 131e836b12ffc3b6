"""After damage: what is whole is found again, and nothing that a record holds is taken for a batch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.record import HEADER_BYTES
from eventlog.storage import resync
from eventlog.storage.resync import UNKNOWN_OFFSET, bound
from eventlog.storage.scan import Damage, DamageKind, Place
from tests.eventlog.storage.chains import Chain, plain_chain, reading
from tests.eventlog.storage.damaged_reading import read_past_damage
from tests.eventlog.storage.forgeries import chain_with_batch_in_value, chain_with_batches_at_end

CHAINS = {
    "plain": plain_chain([2, 3, 2, 1]),
    "far-on": plain_chain([2, 3, 2, 1], base_offset=2**40),
    "batch-in-value": chain_with_batch_in_value(4),
    "batch-in-value-spans": chain_with_batch_in_value(3, 2),
    "batch-at-end": chain_with_batches_at_end((4,)),
    "batches-at-end": chain_with_batches_at_end((3, 4)),
    "batch-at-end-of-log": chain_with_batches_at_end((7,), number=2),
    "in-the-last": chain_with_batches_at_end((8,), number=3),
}
chains = pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)


def damage_at(place: Place, kind: DamageKind = DamageKind.CRC) -> Damage:
    """As the walk reports it."""
    return Damage(kind, place.position, place.offset, place.position, place.offset)


def ends_of(chain: Chain, *, is_known: bool) -> Place:
    return chain.end if is_known else Place(chain.end.position, UNKNOWN_OFFSET)


def anchors_of(chain: Chain, every: int) -> tuple[Place, ...]:
    """The index entries of a segment that has one for every so many batches; 0 = none."""
    return chain.places[every:-1:every] if every else ()


def resumed(data: bytes, damage: Damage, anchors: Sequence[Place], end: Place) -> Place:
    found = bound(reading(data), damage, anchors, end)
    assert (damage.kind, damage.position, damage.offset) == (found.kind, found.position, found.offset)
    return Place(found.end_position, found.next_offset)


@chains
@pytest.mark.parametrize("every", [0, 1, 2, 3])
@pytest.mark.parametrize("is_end_known", [True, False], ids=["end-known", "end-unknown"])
def test_a_flipped_bit_costs_its_batch_and_no_other(chain: Chain, every: int, is_end_known: bool) -> None:
    """A bit of each byte: every other batch is read, and what a record holds is never taken for one."""
    end, anchors = ends_of(chain, is_known=is_end_known), anchors_of(chain, every)
    for position in range(len(chain.data)):
        number = chain.number_at(position)
        data = chain.flipped(8 * position + (3 * position + every) % 8)
        found = read_past_damage(data, chain.start, anchors, end)
        batches, expected_end = list(chain.places[:-1]), chain.places[number + 1]
        damaged = batches.pop(number)
        if expected_end == chain.end:
            expected_end = end
        assert [(damaged, expected_end)] == found.stretches
        assert batches == found.believed


@chains
def test_every_bit_of_every_header(chain: Chain) -> None:
    """All 8 bits of a header's 61 bytes, those outside the checksum included, cost one batch at most."""
    for number, place in enumerate(chain.places[:-1]):
        for bit in range(8 * place.position, 8 * (place.position + HEADER_BYTES)):
            found = read_past_damage(chain.flipped(bit), chain.start, (), chain.end)
            assert [(place, chain.places[number + 1])] == found.stretches
            assert len(chain.places) - 2 == len(found.believed)


@pytest.mark.parametrize("every", [0, 1, 4])
@pytest.mark.parametrize("is_end_known", [True, False], ids=["end-known", "end-unknown"])
def test_a_zeroed_block_costs_the_batches_that_it_touches(every: int, is_end_known: bool) -> None:
    """Where 512 bytes read as zeros, the batches before and after them are read.

    After them surely where an anchor or the segment's end says that their chain is the log's; else only
    where the damaged batch itself still says where it ends.
    """
    chain = plain_chain([1, 3, 2, 8, 1, 1, 2, 5, 1, 2, 9, 1, 1, 4], value_bytes=60)
    end = ends_of(chain, is_known=is_end_known)
    for at in range(0, len(chain.data), 512):
        block = bytes(min(512, len(chain.data) - at))
        touched = range(chain.number_at(at), chain.number_at(at + len(block) - 1) + 1)
        data = chain.overwritten(at, block)
        found = read_past_damage(data, chain.start, anchors_of(chain, every), end)
        after = chain.places[touched.stop]
        is_anchored = is_end_known or any(anchor >= after for anchor in anchors_of(chain, every))
        untouched = [place for n, place in enumerate(chain.places[:-1]) if n not in touched]
        is_left_to_itself = not is_anchored and len(found.believed) < len(untouched)
        expected = untouched[: touched.start] if is_left_to_itself else untouched
        assert expected == found.believed


@given(
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    every=st.integers(0, 3),
    is_end_known=st.booleans(),
    data=st.data(),
)
def test_any_stretch_overwritten(
    counts: list[int], every: int, is_end_known: bool, data: st.DataObject
) -> None:
    """Whatever stands in a stretch, what is believed are true batches; none is lost that an end anchors."""
    chain = plain_chain(counts, base_offset=100)
    start = data.draw(st.integers(0, len(chain.data) - 1))
    rubbish = data.draw(st.binary(min_size=1, max_size=min(200, len(chain.data) - start)))
    end = ends_of(chain, is_known=is_end_known)
    damaged = chain.overwritten(start, rubbish)
    found = read_past_damage(damaged, chain.start, anchors_of(chain, every), end)
    first, last = chain.number_at(start), chain.number_at(start + len(rubbish) - 1)
    untouched = [*chain.places[:first], *chain.places[last + 1 : -1]]
    if is_end_known:
        assert [] == [place for place in found.believed if place not in chain.places[:-1]]
    else:  # nothing then says what the last batch's offset was: where damage reaches into it, it is believed
        places = {place.position for place in chain.places[:-1]}
        assert [] == [place for place in found.believed[:-1] if place not in chain.places[:-1]]
        assert [] == [place for place in found.believed if place.position not in places]
    is_anchored = is_end_known or any(anchor > chain.places[last] for anchor in anchors_of(chain, every))
    sure = untouched if is_anchored else chain.places[:first]
    assert [] == [place for place in sure if place not in found.believed]


def test_between_two_damages_only_an_anchor_is_believed() -> None:
    """Without one no chain leads from the first damage to the end, so what lies between is refused."""
    chain = plain_chain([1, 1, 1, 1, 1, 1])
    data = bytearray(chain.data)
    for number in (1, 4):
        data[chain.places[number].position + 70] ^= 1
    without = read_past_damage(bytes(data), chain.start, (), chain.end)
    with_anchor = read_past_damage(bytes(data), chain.start, [chain.places[3]], chain.end)
    assert [(chain.places[1], chain.places[5])] == without.stretches
    assert [(chain.places[n], chain.places[n + 1]) for n in (1, 4)] == with_anchor.stretches
    assert [chain.places[n] for n in (0, 2, 3, 5)] == with_anchor.believed


def test_damage_side_by_side_is_one_stretch() -> None:
    """Two damaged batches in a row end where the third begins."""
    chain = plain_chain([1, 2, 3, 1])
    data = bytearray(chain.data)
    for number in (1, 2):
        data[chain.places[number].position + 70] ^= 1
    found = read_past_damage(bytes(data), chain.start, (), chain.end)
    assert [(chain.places[1], chain.places[3])] == found.stretches


def test_anchors_at_or_before_the_damage_do_not_count() -> None:
    """Neither an entry before the damage nor the damaged batch's own says where it ends."""
    chain = plain_chain([1, 1, 1, 1])
    damaged = damage_at(chain.places[1])
    data = chain.flipped(8 * (chain.places[1].position + 70))
    for position, offset in [chain.places[0], chain.places[1]]:
        assert chain.places[2] == resumed(data, damaged, [Place(position, offset)], chain.end)


def test_an_anchor_lies_after_the_damage_in_both() -> None:
    """A good batch after the damage, whose offset has been given already, is passed over."""
    chain = plain_chain([1, 1, 1, 1])
    damaged = Damage(DamageKind.OFFSET, 0, chain.end.offset, 0, chain.end.offset)
    end = Place(chain.end.position, chain.end.offset + 5)
    assert end == resumed(chain.data, damaged, chain.places[1:2], end)


def test_an_anchor_lies_behind_the_damage_in_the_file() -> None:
    """A good batch before the damage is none, whatever its offset."""
    chain = plain_chain([1, 1, 1, 1])
    damaged = Damage(DamageKind.OFFSET, chain.places[2].position, 0, chain.places[2].position, 0)
    assert chain.places[3] == resumed(chain.data, damaged, chain.places[1:2], chain.end)


def test_an_anchor_whose_batch_is_bad_is_passed_over() -> None:
    """The chain leads to the next entry with a good batch then."""
    chain = plain_chain([1, 1, 1, 1, 1])
    data = bytearray(chain.data)
    for number in (1, 3):
        data[chain.places[number].position + 70] ^= 1
    found = resumed(bytes(data), damage_at(chain.places[1]), chain.places[3:5], chain.end)
    assert chain.places[4] == found, "the bad batch 3 breaks the chain from batch 2"


def test_nothing_is_searched_past_the_anchor() -> None:
    """The search reads the anchor's batch and what lies before it."""
    chain = plain_chain([1] * 3 + [50], value_bytes=200)
    asked: list[tuple[int, int]] = []

    def read(size: int, position: int) -> bytes:
        asked.append((size, position))
        return chain.data[position : position + size]

    bound(read, damage_at(chain.places[0]), chain.places[2:3], chain.end)
    assert (chain.places[2].position, 0) == asked[-1]


def test_a_stretch_beyond_the_limit_is_given_up_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to SEARCH_BYTES_MAX the chain is looked for; one byte more, and the anchor is where it resumes."""
    chain = plain_chain([1, 1, 1, 1])
    data, damaged = chain.flipped(8 * 70), damage_at(chain.places[0])
    size = chain.places[3].position
    monkeypatch.setattr(resync, "SEARCH_BYTES_MAX", size)
    assert chain.places[1] == resumed(data, damaged, chain.places[3:4], chain.end)
    monkeypatch.setattr(resync, "SEARCH_BYTES_MAX", size - 1)
    assert chain.places[3] == resumed(data, damaged, chain.places[3:4], chain.end)
    unknown = Place(chain.end.position, UNKNOWN_OFFSET)
    assert unknown == resumed(data, damaged, (), unknown)


@pytest.mark.parametrize("left_bytes", [1, 17, 60])
def test_less_than_a_header_at_the_end(left_bytes: int) -> None:
    """Where too little is left for a batch, the damage reaches to the end."""
    chain = plain_chain([1, 1])
    data = chain.data + bytes(left_bytes)
    end = Place(len(data), UNKNOWN_OFFSET)
    assert end == resumed(data, damage_at(chain.end, DamageKind.TRUNCATED), (), end)


def test_a_header_that_does_not_fit_is_no_candidate() -> None:
    """The marks of a batch within the last 60 bytes begin none."""
    chain = plain_chain([1, 1])
    data = chain.data + bytes(30) + b"\0\0\0\0\x02" + bytes(20)
    end = Place(len(data), UNKNOWN_OFFSET)
    assert end == resumed(data, damage_at(chain.end, DamageKind.MAGIC), (), end)


def test_the_chain_may_resume_within_a_headers_length() -> None:
    """Ten bytes of rubbish before a good batch cost these ten bytes."""
    chain = plain_chain([2, 1], base_offset=5)
    data = bytes(range(10)) + chain.data
    end = Place(len(data), chain.end.offset)
    damaged = damage_at(Place(0, 3), DamageKind.MAGIC)
    assert Place(10, 5) == resumed(data, damaged, (), end)


@pytest.mark.parametrize("missing_bytes", [10, 76])
def test_a_file_that_became_shorter_is_damaged_to_its_end(missing_bytes: int) -> None:
    """Where the file has fewer bytes than the segment, the damage reaches to the segment's end."""
    chain = plain_chain([1, 1, 1])
    data = chain.data[:-missing_bytes]
    assert chain.end == resumed(data, damage_at(chain.places[2], DamageKind.TRUNCATED), (), chain.end)


def test_an_end_that_promises_other_offsets_is_not_led_to() -> None:
    """Where the next segment begins at another offset than the last batch says, no chain is proven."""
    chain = plain_chain([1, 1, 1])
    end = Place(chain.end.position, chain.end.offset + 4)
    assert end == resumed(chain.flipped(8 * 70), damage_at(chain.start), (), end)
