"""Idempotent producers: retried batches are told from new ones by the rules of Kafka's brokers."""

from __future__ import annotations

import struct
from collections import deque

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import NewerFormatError, OutOfOrderSequenceError, ProducerFencedError
from eventlog.record import BatchHeader, crc32c
from eventlog.storage.producer_state import (
    EXPIRY_MS,
    Producer,
    ProducerState,
    SequencedBatch,
    pack_snapshot,
    unpack_snapshot,
)
from eventlog.storage.scan import ScannedBatch
from tests.eventlog.record.forge import PLAIN

PRODUCER = 77
SEQUENCE_MAX = 2**31 - 1


def header(sequence: int, count: int = 1, *, epoch: int = 0, producer: int = PRODUCER) -> BatchHeader:
    return attrs.evolve(
        PLAIN,
        producer_id=producer,
        producer_epoch=epoch,
        base_sequence=sequence,
        last_offset_delta=count - 1,
        record_count=count,
    )


class Log:
    """A log that stores what is new and in order."""

    def __init__(self) -> None:
        self.state = ProducerState()
        self.end_offset = 100

    def append(
        self, sequence: int, count: int = 1, *, epoch: int = 0, producer: int = PRODUCER, now_ms: int = 0
    ) -> int:
        """The base offset that the batch has, whether it is new or a duplicate."""
        sent = header(sequence, count, epoch=epoch, producer=producer)
        original = self.state.duplicate_of(sent)
        if original is not None:
            return original.base_offset
        offset, self.end_offset = self.end_offset, self.end_offset + count
        batch = ScannedBatch(0, 61, offset, self.end_offset, 0, producer, epoch, sequence)
        self.state.appended(batch, now_ms)
        return offset


def test_a_retried_batch_is_stored_once() -> None:
    """The same sequence numbers again get the offset of the first time."""
    log = Log()
    assert [100, 103, 100, 103, 104] == [
        log.append(*batch) for batch in [(0, 3), (3, 1), (0, 3), (3, 1), (4, 2)]
    ]
    assert 106 == log.end_offset


def test_the_last_five_batches_are_known() -> None:
    """A retry of the fifth last is a duplicate, one of the sixth last is out of order."""
    log = Log()
    offsets = [log.append(sequence) for sequence in range(6)]
    assert offsets[1:] == [log.append(sequence) for sequence in range(1, 6)]
    with pytest.raises(OutOfOrderSequenceError, match="sent sequence 0 where 6 was expected"):
        log.append(0)


@pytest.mark.parametrize("sequence", [4, 6, SEQUENCE_MAX, 0])
def test_a_gap_is_refused(sequence: int) -> None:
    """After sequence 0 to 4 only 5 follows."""
    log = Log()
    log.append(0, 5)
    with pytest.raises(OutOfOrderSequenceError, match=f"producer 77 sent sequence {sequence} where 5"):
        log.append(sequence)
    assert 105 == log.append(5)


@pytest.mark.parametrize(("sequence", "count"), [(0, 2), (0, 4), (1, 2)])
def test_a_batch_that_overlaps_is_no_duplicate(sequence: int, count: int) -> None:
    """Both ends must be those of the stored batch."""
    log = Log()
    log.append(0, 3)
    with pytest.raises(OutOfOrderSequenceError):
        log.append(sequence, count)


@pytest.mark.parametrize("sequence", [0, 5, SEQUENCE_MAX])
def test_an_unknown_producer_may_begin_anywhere(sequence: int) -> None:
    """Its state may have expired: what it sends is new."""
    log = Log()
    assert 100 == log.append(sequence)
    assert 101 == log.append(0 if sequence == SEQUENCE_MAX else sequence + 1)


def test_a_new_epoch_begins_at_0() -> None:
    """The same numbers in a later epoch are new; any other beginning is out of order."""
    log = Log()
    log.append(0, 3, epoch=4)
    with pytest.raises(OutOfOrderSequenceError, match="sent sequence 3 where 0 was expected"):
        log.append(3, epoch=5)
    assert [103, 103, 104] == [log.append(0, epoch=5), log.append(0, epoch=5), log.append(1, epoch=5)]


def test_an_earlier_epoch_is_fenced() -> None:
    """Once a later epoch has written, not even a duplicate of the earlier one is taken."""
    log = Log()
    log.append(0, epoch=4)
    log.append(0, epoch=5)
    with pytest.raises(ProducerFencedError, match="writes with epoch 4, but epoch 5 has taken over"):
        log.append(0, epoch=4)


def test_sequences_wrap() -> None:
    """0 follows 2**31 - 1, between batches and within one, and duplicates are known across it."""
    log = Log()
    sent = [(SEQUENCE_MAX - 2, 2), (SEQUENCE_MAX, 1), (0, 1), (1, 1)]
    assert [100, 102, 103, 104] == [log.append(*batch) for batch in sent]
    assert [100, 102, 103, 104] == [log.append(*batch) for batch in sent]
    within = Log()
    assert [100, 104, 100] == [
        within.append(*b) for b in [(SEQUENCE_MAX - 1, 4), (2, 1), (SEQUENCE_MAX - 1, 4)]
    ]


def test_producers_do_not_disturb_each_other() -> None:
    """Each id has its own sequence."""
    log = Log()
    assert [100, 101, 100, 101] == [log.append(0, producer=number) for number in (1, 2, 1, 2)]


def test_a_batch_without_a_producer_is_not_noted() -> None:
    """Only idempotent producers are remembered."""
    state = ProducerState()
    state.appended(ScannedBatch(0, 61, 0, 1, 0, -1, -1, -1), 5)
    assert {} == state.producers


def test_the_fold_of_a_batch() -> None:
    """It holds epoch, time and the batch; an older time does not make the producer older."""
    state = ProducerState()
    state.appended(ScannedBatch(0, 61, 10, 13, 0, 7, 2, 5), 90)
    state.appended(ScannedBatch(61, 61, 13, 14, 0, 7, 2, 8), 80)
    batches = deque([SequencedBatch(5, 7, 10), SequencedBatch(8, 8, 13)])
    assert {7: Producer(2, 90, batches)} == state.producers


@pytest.mark.parametrize(("silent_ms", "is_kept"), [(EXPIRY_MS, True), (EXPIRY_MS + 1, False)])
def test_a_silent_producer_is_forgotten_after_a_day(silent_ms: int, is_kept: bool) -> None:
    """The day counts from its last batch; another one's does not help it."""
    log = Log()
    log.append(0, now_ms=0)
    log.append(1, now_ms=1000)
    log.append(0, producer=78, now_ms=2000)
    log.state.expire(1000 + silent_ms)
    assert (is_kept, True) == (PRODUCER in log.state.producers, 78 in log.state.producers)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-3, 3), st.integers(1, 4)), max_size=40
    )
)
def test_any_requests_against_a_model(requests: list[tuple[int, int, int, int]]) -> None:
    """New, duplicate, out of order or fenced: as a plain reading of the rules says, for any sequence."""
    log = Log()
    history: dict[int, list[tuple[int, int, int, int]]] = {}  # epoch, first, last, offset
    for producer, epoch, skew, count in requests:
        past = history.setdefault(producer, [])
        expected = (past[-1][2] + 1) % 2**31 if past and past[-1][0] == epoch else 0
        first = (expected + skew) % 2**31
        last = (first + count - 1) % 2**31
        known = [entry for entry in past[-5:] if entry[:3] == (epoch, first, last)]
        if past and epoch < past[-1][0]:
            with pytest.raises(ProducerFencedError):
                log.append(first, count, epoch=epoch, producer=producer)
        elif known:
            assert known[0][3] == log.append(first, count, epoch=epoch, producer=producer)
        elif past and first != expected:
            with pytest.raises(OutOfOrderSequenceError):
                log.append(first, count, epoch=epoch, producer=producer)
        else:
            past.append((epoch, first, last, log.end_offset))
            assert past[-1][3] == log.append(first, count, epoch=epoch, producer=producer)


# --- snapshots ---------------------------------------------------------------------------------


def small_state() -> ProducerState:
    log = Log()
    for sequence in range(7):
        log.append(sequence, now_ms=sequence)
    log.append(SEQUENCE_MAX, 3, epoch=32_767, producer=2**63 - 1, now_ms=2**50)
    return log.state


int16, int32, int64 = st.integers(0, 2**15 - 1), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)
batches = st.lists(st.builds(SequencedBatch, int32, int32, int64), min_size=1, max_size=5)
producers = st.builds(Producer, int16, int64, batches.map(lambda kept: deque(kept, maxlen=5)))


@given(st.dictionaries(int64, producers, max_size=5))
def test_a_snapshot_gives_the_state_back(known: dict[int, Producer]) -> None:
    """Every field of every producer, and the order and the bound of the batches."""
    state = ProducerState()
    state.producers = known
    found = unpack_snapshot(pack_snapshot(state))
    assert found is not None
    assert known == found.producers
    assert {5} >= {producer.batches.maxlen for producer in found.producers.values()}


def test_the_bytes_of_a_snapshot() -> None:
    """As the module's docstring has them."""
    state = ProducerState()
    state.producers = {7: Producer(2, 90, deque([SequencedBatch(5, 7, 10)], maxlen=5))}
    head = b"gpps" + struct.pack(">HI", 1, 1)
    body = struct.pack(">qhqB", 7, 2, 90, 1) + struct.pack(">iiq", 5, 7, 10)
    assert head + body + struct.pack(">I", crc32c(head + body)) == pack_snapshot(state)


def test_equal_states_are_equal_bytes() -> None:
    """The order in which producers appeared does not show."""
    one, two = Log(), Log()
    for producer in (1, 2):
        one.append(0, producer=producer)
        two.append(0, producer=3 - producer)
    two.state.producers = {n: one.state.producers[n] for n in (2, 1)}
    assert pack_snapshot(one.state) == pack_snapshot(two.state)


def test_every_flipped_bit_and_every_cut_of_a_snapshot_is_refused() -> None:
    """A damaged snapshot is none: the log is read instead."""
    data = pack_snapshot(small_state())
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert unpack_snapshot(bytes(damaged)) is None
    for size in range(len(data)):
        assert unpack_snapshot(data[:size]) is None
    assert unpack_snapshot(data + b"\0") is None


def test_the_snapshot_of_a_restart_knows_the_duplicates() -> None:
    """What was stored before is a duplicate after, and the next batch is in order."""
    log = Log()
    offsets = [log.append(sequence) for sequence in range(7)]
    found = unpack_snapshot(pack_snapshot(log.state))
    assert found is not None
    log.state = found
    assert offsets[2:] == [log.append(sequence) for sequence in range(2, 7)]
    assert 107 == log.append(7)


def _whole(head: bytes) -> bytes:
    return head + struct.pack(">I", crc32c(head))


def test_another_magic_is_no_snapshot() -> None:
    """A good checksum over another file's magic does not make a snapshot."""
    assert unpack_snapshot(_whole(struct.pack(">4sHI", b"gpst", 1, 0))) is None


def test_a_newer_snapshot_is_refused() -> None:
    """A whole one of a later format tells to upgrade."""
    with pytest.raises(NewerFormatError, match="format 2, this gputail knows 1; upgrade"):
        unpack_snapshot(_whole(struct.pack(">4sHI", b"gpps", 2, 0)))


def lying_snapshot(count: int, body: bytes = b"") -> bytes:
    """A snapshot whose checksum is right and whose count is not."""
    data = struct.pack(">4sHI", b"gpps", 1, count) + body
    return data + struct.pack(">I", crc32c(data))


def test_a_snapshot_that_counts_wrong() -> None:
    """More producers than there are, or one without a batch, is damage: no error gets out."""
    assert unpack_snapshot(lying_snapshot(0)) is not None
    assert unpack_snapshot(lying_snapshot(1)) is None
    assert unpack_snapshot(lying_snapshot(1, struct.pack(">qhqB", 7, 0, 0, 0))) is None
    assert unpack_snapshot(lying_snapshot(1, struct.pack(">qhqB", 7, 0, 0, 2))) is None
