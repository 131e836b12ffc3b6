"""The walker: every good batch is told as it is, and the first that is not good ends the walk by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.record import HEADER_BYTES, BatchHeader, Record, encode_batch
from eventlog.storage import scan
from eventlog.storage.scan import Damage, DamageKind, Place, ScannedBatch, walk
from tests.eventlog.record.forge import forge
from tests.eventlog.storage.chains import Chain, chain_of, plain_chain, reading

CHAIN = plain_chain([2, 1, 3], base_offset=40)
SECOND = CHAIN.places[1]
both_modes = pytest.mark.parametrize("bodies", [True, False], ids=["bodies", "headers"])


def walk_all(data: bytes, start: Place = CHAIN.start, *, bodies: bool) -> list[ScannedBatch | Damage]:
    return list(walk(reading(data), start, len(data), bodies=bodies))


def damage_at(place: Place, kind: DamageKind) -> Damage:
    return Damage(kind, place.position, place.offset, place.position, place.offset)


@both_modes
def test_good_batches_are_told_as_they_are(bodies: bool) -> None:
    """Position, size, offsets, largest timestamp and the producer's fields come from each header."""
    batch = encode_batch(
        [Record(b"k", b"v", (), 7), Record(b"k", b"v", (), 9)],
        base_offset=5,
        producer_id=11,
        producer_epoch=3,
        base_sequence=2,
    )
    following = encode_batch([Record(None, None)], base_offset=7)
    expected = [
        ScannedBatch(0, len(batch), 5, 7, 9, 11, 3, 2),
        ScannedBatch(len(batch), len(following), 7, 8, -1, -1, -1, -1),
    ]
    assert expected == walk_all(bytes(batch + following), Place(0, 5), bodies=bodies)


@both_modes
def test_a_walk_may_start_and_end_at_any_boundary(bodies: bool) -> None:
    """From the second batch to the third's beginning there is exactly the second."""
    found = list(walk(reading(CHAIN.data), SECOND, CHAIN.places[2].position, bodies=bodies))
    assert [CHAIN.batches[1]] == found


@both_modes
def test_nothing_is_read_of_nothing(bodies: bool) -> None:
    """An empty stretch has neither batches nor damage."""
    assert [] == walk_all(b"", bodies=bodies)


def test_the_end_of_a_batch_is_the_place_of_the_next() -> None:
    """`end` joins the position after the batch with the offset after it."""
    assert list(CHAIN.places[1:]) == [batch.end for batch in CHAIN.batches]


@pytest.mark.parametrize(
    ("first", "records", "last"), [(0, 1, 0), (5, 3, 7), (2**31 - 2, 2, 2**31 - 1), (2**31 - 2, 4, 1)]
)
def test_the_last_sequence_wraps(first: int, records: int, last: int) -> None:
    """Sequence numbers count the records of a batch, and 0 follows 2**31 - 1."""
    assert last == ScannedBatch(0, 61, 10, 10 + records, 0, 1, 0, first).last_sequence


@both_modes
@pytest.mark.parametrize(
    ("position", "data", "kind"),
    [
        (16, b"\x01", DamageKind.MAGIC),
        (8, (48).to_bytes(4, "big"), DamageKind.LENGTH),
        (8, b"\xff\xff\xff\xff", DamageKind.LENGTH),
        (23, b"\xff\xff\xff\xff", DamageKind.LENGTH),
        (57, (2).to_bytes(4, "big"), DamageKind.LENGTH),
        (7, b"\x2b", DamageKind.OFFSET),
        (15, b"\x01", DamageKind.EPOCH),
        (8, (2**31 - 1).to_bytes(4, "big"), DamageKind.TRUNCATED),
    ],
    ids=["magic", "short", "negative", "negative-delta", "count", "offset", "epoch", "past-the-end"],
)
def test_what_a_header_gets_wrong_is_named(
    position: int, data: bytes, kind: DamageKind, bodies: bool
) -> None:
    """Each field that cannot be right ends the walk at its batch, bodies read or not."""
    damaged = CHAIN.overwritten(SECOND.position + position, data)
    assert [CHAIN.batches[0], damage_at(SECOND, kind)] == walk_all(damaged, bodies=bodies)


def test_a_batch_without_records_is_impossible() -> None:
    """A count of 0 fits a last offset delta of -1 and is refused all the same: offsets would stand still."""
    empty = forge(b"", last_offset_delta=-1, record_count=0)
    assert [damage_at(Place(0, 0), DamageKind.LENGTH)] == walk_all(empty, Place(0, 0), bodies=True)


def test_the_smallest_length_is_that_of_a_bare_header() -> None:
    """A batch of 61 bytes is possible: what its records are is not the walker's business."""
    found = walk_all(forge(b""), Place(0, 0), bodies=True)
    assert [ScannedBatch(0, 61, 0, 1, 1_700_000_000_000, -1, -1, -1)] == found


def test_only_a_walk_with_bodies_sees_a_wrong_checksum() -> None:
    """A flipped bit in a body is CRC damage where bodies are read, and invisible to headers."""
    damaged = CHAIN.flipped(8 * (SECOND.position + HEADER_BYTES + 3))
    assert [CHAIN.batches[0], damage_at(SECOND, DamageKind.CRC)] == walk_all(damaged, bodies=True)
    assert CHAIN.batches == walk_all(damaged, bodies=False)


def test_every_flipped_bit_ends_the_walk_at_its_batch() -> None:
    """With bodies no single bit goes unnoticed, and nothing before its batch is lost."""
    for bit in range(8 * len(CHAIN.data)):
        number = CHAIN.number_at(bit // 8)
        *good, damage = walk_all(CHAIN.flipped(bit), bodies=True)
        assert CHAIN.batches[:number] == good
        assert isinstance(damage, Damage)
        assert damage_at(CHAIN.places[number], damage.kind) == damage


@both_modes
def test_every_cut_is_a_truncation(bodies: bool) -> None:
    """A log that ends inside a batch ends before it; at a boundary it is whole."""
    boundaries = [place.position for place in CHAIN.places]
    for size in range(len(CHAIN.data)):
        number = CHAIN.number_at(size)
        expected: list[ScannedBatch | Damage] = [*CHAIN.batches[:number]]
        if size not in boundaries:
            expected.append(damage_at(CHAIN.places[number], DamageKind.TRUNCATED))
        assert expected == walk_all(CHAIN.data[:size], bodies=bodies)


@pytest.mark.parametrize("missing", [1, 40, 90])
def test_a_file_shorter_than_it_should_be_is_truncated(missing: int) -> None:
    """Where the end lies past the file's bytes, the batch that they cut short is damage and no batch."""
    chain = plain_chain([1, 1], value_bytes=30)
    read = reading(chain.data[:-missing])
    *good, damage = walk(read, chain.start, chain.end.position, bodies=True)
    assert chain.batches[:1] == good
    assert damage_at(chain.places[1], DamageKind.TRUNCATED) == damage


@pytest.mark.parametrize("window_bytes", [61, 64, 100, 173, 1000])
@both_modes
def test_windows_may_end_anywhere(window_bytes: int, bodies: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the reads fall on the batches, larger ones than the window included, the walk is the same."""
    chain = plain_chain([1, 9, 1, 30, 2, 1, 1])
    expected = chain.batches
    monkeypatch.setattr(scan, "WINDOW_BYTES", window_bytes)
    assert expected == walk_all(chain.data, Place(0, 0), bodies=bodies)


@given(
    counts=st.lists(st.integers(1, 12), max_size=12),
    base_offset=st.integers(0, 2**40),
    value_bytes=st.integers(0, 300),
    window_bytes=st.integers(61, 700),
)
def test_any_chain_is_walked_whole(
    counts: list[int], base_offset: int, value_bytes: int, window_bytes: int
) -> None:
    """Batches of any size, through windows of any size, come out as their own headers tell them."""
    chain = plain_chain(counts, base_offset, value_bytes)
    expected = []
    for place in chain.places[:-1]:
        header = BatchHeader.parse(chain.data, place.position)
        expected.append((place, header.size_bytes, header.next_offset, header.max_timestamp_ms))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "WINDOW_BYTES", window_bytes)
        for bodies in (True, False):
            found = walk_all(chain.data, chain.start, bodies=bodies)
            assert expected == [
                (Place(batch.position, batch.base_offset), batch.size_bytes, batch.end.offset, batch[4])
                for batch in found
                if isinstance(batch, ScannedBatch)
            ]
            assert len(expected) == len(found)


def test_bodies_of_large_batches_are_not_read_for_their_headers() -> None:
    """After the first window, headers of batches of 16 KiB or more are read alone."""
    chain = chain_of([[Record(None, bytes(scan.SPARSE_BATCH_BYTES))]] * 40)
    sizes = _sizes_read(chain, bodies=False)
    windows = [size for size in sizes if size > HEADER_BYTES]
    assert [scan.WINDOW_BYTES] == windows
    assert 40 - scan.WINDOW_BYTES // scan.SPARSE_BATCH_BYTES <= len(sizes) - len(windows) <= 40


def test_small_batches_are_read_by_the_window() -> None:
    """A walk over small batches asks for each byte about once."""
    chain = chain_of([[Record(None, bytes(1000))]] * 600)
    for bodies in (True, False):
        sizes = _sizes_read(chain, bodies=bodies)
        assert len(sizes) <= 4
        assert sum(sizes) <= len(chain.data) * 1.5


def _sizes_read(chain: Chain, *, bodies: bool) -> list[int]:
    sizes: list[int] = []

    def read(size: int, position: int) -> bytes:
        sizes.append(size)
        return chain.data[position : position + size]

    assert len(chain.places) - 1 == len(list(walk(read, chain.start, len(chain.data), bodies=bodies)))
    return sizes
