"""Reading a damaged segment: refused by name and bounds, and everything around it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import pytest

from eventlog.storage.disk import OpenMode
from eventlog.storage.scan import Damage, DamageKind, Place
from eventlog.storage.segment_reader import LogRange, check_stretch
from tests.eventlog.storage.chains import plain_chain, reading
from tests.eventlog.storage.library import CHAIN, Library, batch_number, damage_of, damaged

T = TypeVar("T")


@pytest.mark.parametrize("bytes_max", [1, 250, 1 << 20])
@pytest.mark.parametrize("interval_bytes", [61, 300, 1 << 20])
@pytest.mark.parametrize(
    ("byte", "kind"), [(7, DamageKind.OFFSET), (16, DamageKind.MAGIC), (70, DamageKind.CRC)]
)
async def test_a_damaged_batch_is_refused_and_the_others_served(
    bytes_max: int, interval_bytes: int, byte: int, kind: DamageKind
) -> None:
    """A consumer meets the damage once, by name and bounds, and gets every other batch unaltered."""
    for number, (place, following) in enumerate(pairwise(CHAIN.places)):
        data = CHAIN.flipped(8 * (place.position + byte))
        library = Library(data=data, interval_bytes=interval_bytes)
        expected = CHAIN.data[: place.position] + CHAIN.data[following.position :]
        damage = damage_of(number, number, kind=kind)
        assert (expected, [damage]) == await library.everything(bytes_max)
        assert [damage] == library.segment.damages


async def test_a_range_ends_before_damage() -> None:
    """A read that starts before a damaged batch ends there; every offset inside it gets the damage."""
    library = Library(data=damaged(2))
    found = await library.range(500)
    assert (CHAIN.start, CHAIN.places[2]) == (found.start, found.end)
    for offset in range(CHAIN.places[2].offset, CHAIN.places[3].offset):
        assert damage_of(2, 2) == await library.found(offset)
    after = await library.range(CHAIN.places[3].offset)
    assert (CHAIN.places[3], CHAIN.end) == (after.start, after.end)


async def test_damage_is_found_whichever_offset_is_read_first() -> None:
    """Reading backwards finds each damage once, in the order of the log."""
    library = Library(data=damaged(2, 7), interval_bytes=61)
    for offset in reversed(range(500, CHAIN.end.offset)):
        found = await library.found(offset, 1)
        number = batch_number(offset)
        if number in {2, 7}:
            assert damage_of(number, number) == found
        else:
            assert isinstance(found, LogRange)
    assert [damage_of(2, 2), damage_of(7, 7)] == library.segment.damages


@pytest.mark.parametrize("bytes_max", [1, 250, 1 << 20])
async def test_batches_damaged_side_by_side(bytes_max: int) -> None:
    """What is refused is the two of them, and nothing else."""
    library = Library(data=damaged(4, 5), interval_bytes=61)
    served, damages = await library.everything(bytes_max)
    assert CHAIN.data[: CHAIN.places[4].position] + CHAIN.data[CHAIN.places[6].position :] == served
    assert [damage_of(4, 5)] == damages


async def test_records_that_no_segment_holds_are_missing() -> None:
    """Between the last batch and the next segment's base offset a read is told how far to go on."""
    end = Place(CHAIN.end.position, CHAIN.end.offset + 5)
    library = Library(end=end)
    missing = Damage(DamageKind.MISSING, end.position, CHAIN.end.offset, end.position, end.offset)
    assert (CHAIN.data, [missing]) == await library.everything(1 << 20)
    assert missing == await library.found(end.offset - 1)


async def test_damage_at_the_end_before_missing_records() -> None:
    """A damaged last batch takes what is missing after it into its own bounds."""
    end = Place(CHAIN.end.position, CHAIN.end.offset + 5)
    library = Library(data=damaged(9), end=end)
    place = CHAIN.places[9]
    expected = Damage(DamageKind.CRC, place.position, place.offset, end.position, end.offset)
    assert (CHAIN.data[: place.position], [expected]) == await library.everything(1 << 20)


async def test_a_damaged_index_is_rebuilt() -> None:
    """Flipped bits all over the offset index cost no answer."""
    for bit in range(0, 8 * 12 * 9, 5):
        library = Library(interval_bytes=61)
        file = library.disk.open(library.segment.index_path, OpenMode.WRITE)
        byte = file.pread(1, bit // 8)[0]
        file.pwrite(bytes([byte ^ 1 << bit % 8]), bit // 8)
        assert (CHAIN.data, []) == await library.everything(1)


async def test_a_batch_that_changed_after_it_was_checked_is_not_served() -> None:
    """Headers are judged at each read: what cannot be walked any more is refused up to the limit."""
    library = Library(interval_bytes=1 << 20)
    await library.range(500)
    place = CHAIN.places[3]
    library.disk.open(library.segment.log_path, OpenMode.WRITE).pwrite(b"\0", place.position + 16)
    missing = Damage(DamageKind.MISSING, *place, *CHAIN.end)
    assert missing == await library.found(place.offset)
    found = await library.range(500)
    assert place == found.end


async def test_damages_do_not_overlap() -> None:
    """Reading on behind a damage whose second batch is an index entry reports nothing twice."""
    chain = plain_chain([1] * 12)
    library = Library(chain, interval_bytes=2 * chain.places[1].position, data=damaged(3, 4, chain=chain))
    await library.range(0, 1, chain.places[4])
    await library.range(5)
    assert [damage_of(3, 4, chain)] == library.segment.damages


async def test_readers_at_the_same_time_find_a_damage_once() -> None:
    """Two first reads of one stretch check it both, and remember what is damaged as one."""
    library = Library(data=damaged(4), interval_bytes=61)
    real_run = library.disk.run

    async def run_later(work: Callable[[], T]) -> T:
        await asyncio.sleep(0)
        return await real_run(work)

    library.disk.run = run_later  # type: ignore[method-assign]  # as threads do, it comes back later
    offset = CHAIN.places[4].offset
    assert [damage_of(4, 4)] * 2 == list(await asyncio.gather(library.found(offset), library.found(offset)))
    assert [damage_of(4, 4)] == library.segment.damages


# --- check_stretch -----------------------------------------------------------------------------


def test_a_stretch_is_walked_to_a_known_batch() -> None:
    """Without damage the place reached is the end that was asked for."""
    end = CHAIN.places[4]
    assert ([], end) == check_stretch(reading(CHAIN.data), CHAIN.places[1], end, [], CHAIN.end)
    assert ([], end) == check_stretch(reading(CHAIN.data), end, end, [], CHAIN.end)


def test_damage_may_reach_past_the_stretch() -> None:
    """Where the end that was asked for is damaged itself, the check goes on to where it resumes."""
    found = check_stretch(reading(damaged(3, 4)), CHAIN.start, CHAIN.places[4], CHAIN.places[4:], CHAIN.end)
    assert ([damage_of(3, 4)], CHAIN.places[5]) == found


def test_damages_of_one_stretch() -> None:
    """Each is bounded by the chain to the next anchor."""
    anchors = CHAIN.places[1:-1]
    found = check_stretch(reading(damaged(1, 5, 9)), CHAIN.start, CHAIN.end, anchors, CHAIN.end)
    assert ([damage_of(1, 1), damage_of(5, 5), damage_of(9, 9)], CHAIN.end) == found
