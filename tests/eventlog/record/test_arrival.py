"""A batch that arrives at a broker: judged unopened, then given its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventlog.errors import CorruptBatchError, InvalidBatchError, UnsupportedBatchError
from eventlog.record import (
    BatchHeader,
    Buffer,
    Codec,
    Record,
    check_batch,
    decode_batch,
    encode_batch,
    patch_batch,
)
from tests.eventlog.record.forge import forge, forge_record

RECORD = forge_record(b"\x01\x01\x00")  # no key, no value, no headers


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"record_count": 0, "last_offset_delta": -1}, "claims 0 records over 0 offsets"),
        ({"record_count": 0}, "claims 0 records over 1 offsets"),
        ({"record_count": -1}, "claims -1 records"),
        ({"record_count": 2}, "claims 2 records over 1 offsets"),
        ({"last_offset_delta": 1}, "claims 1 records over 2 offsets"),
        ({"last_offset_delta": -1}, "claims 1 records over 0 offsets"),
        ({"producer_id": 7, "base_sequence": 0}, "producer 7 has epoch -1 and base sequence 0"),
        ({"producer_id": 0, "producer_epoch": 0}, "producer 0 has epoch 0 and base sequence -1"),
    ],
)
def test_contradictory_header(fields: dict[str, int], complaint: str) -> None:
    """A header whose fields cannot all be true is refused on arrival, though its checksum is right."""
    with pytest.raises(InvalidBatchError, match=complaint):
        check_batch(forge(RECORD, **fields))


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        (0x10, "transactions are not offered: remove the producer's transactional.id"),
        (0x20, "control batches are written by brokers only"),
        (0x30, "control batches are written by brokers only"),
        (0x05, "codec 5 is unknown"),
        (0x06, "codec 6 is unknown"),
        (0x07, "codec 7 is unknown"),
        (0x0F, "codec 7 is unknown"),
    ],
)
def test_unsupported_kind(attributes: int, complaint: str) -> None:
    """Transactional and control batches and unknown codecs are refused on arrival."""
    with pytest.raises(UnsupportedBatchError, match=complaint):
        check_batch(forge(RECORD, attributes=attributes))


@pytest.mark.parametrize("attributes", [0, 1, 2, 3, 4, 0x08, 0x40, 0x4C])
def test_supported_kind(attributes: int) -> None:
    """Every known codec is accepted unopened, whatever the other bits are."""
    assert attributes == check_batch(forge(RECORD, attributes=attributes)).attributes


def test_idempotent_batch() -> None:
    """Producer fields from 0 up are accepted, and so are none at all."""
    assert check_batch(forge(RECORD, producer_id=0, producer_epoch=0, base_sequence=0)).is_idempotent
    assert not check_batch(forge(RECORD)).is_idempotent


@pytest.mark.parametrize("read", [check_batch, decode_batch])
@pytest.mark.parametrize(
    "length", [49 + len(RECORD) - 1, 49 + len(RECORD) + 1, 48, 0, -1, -(2**31), 2**31 - 1]
)
def test_false_length(read: Callable[[Buffer], object], length: int) -> None:
    """A batch must fill its buffer exactly, by its own length."""
    with pytest.raises(CorruptBatchError, match="exactly one whole batch is expected"):
        read(forge(RECORD, batch_length=length))


@pytest.mark.parametrize("read", [check_batch, decode_batch])
def test_two_batches(read: Callable[[Buffer], object]) -> None:
    """Two whole batches are not one."""
    with pytest.raises(CorruptBatchError, match="claims 68 bytes, 136 are given"):
        read(forge(RECORD) * 2)


@pytest.mark.parametrize("read", [check_batch, decode_batch])
@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("size_bytes", [17, 34, 60, 61, 200])
def test_old_magic(read: Callable[[Buffer], object], magic: int, size_bytes: int) -> None:
    """Formats before Kafka 0.11 are refused by name, however short, with the client setting to change."""
    message = bytearray(size_bytes)
    message[16] = magic

    with pytest.raises(UnsupportedBatchError, match=rf"format {magic} is older .*api.version.request=true"):
        read(message)


@pytest.mark.parametrize("read", [check_batch, decode_batch])
@pytest.mark.parametrize("magic", [3, -1])
def test_unknown_magic(read: Callable[[Buffer], object], magic: int) -> None:
    """A format of the future is refused, not guessed at."""
    with pytest.raises(UnsupportedBatchError, match=f"magic {magic} is unknown"):
        read(forge(RECORD, magic=magic))


def test_wrong_checksum_says_both() -> None:
    """The error of a wrong checksum shows the stated and the computed one, and the batch's offset."""
    right = BatchHeader.parse(forge(RECORD, base_offset=12)).crc

    with pytest.raises(CorruptBatchError, match=rf"offset 12 fails .*stated 0000beef, computed {right:08x}"):
        check_batch(forge(RECORD, base_offset=12, crc=0xBEEF))


@pytest.mark.parametrize("fields", [{"crc": 0xBEEF}, {"batch_length": 48}])
def test_bytes_that_were_altered_come_first(fields: dict[str, int]) -> None:
    """A header is called contradictory only where nothing has happened to its bytes."""
    with pytest.raises(CorruptBatchError) as raised:
        check_batch(forge(RECORD, record_count=2, **fields))
    assert CorruptBatchError is raised.type


def test_more_than_one_batch() -> None:
    """Two whole batches are no damage: sent again, they would be two again."""
    with pytest.raises(InvalidBatchError, match="exactly one whole batch"):
        check_batch(forge(RECORD) + forge(RECORD))


# --- the place in the log ----------------------------------------------------------------------


@pytest.mark.parametrize("view", [False, True])
def test_patch(view: bool) -> None:
    """Patching moves a batch to its offset and epoch 0, touches nothing else, and keeps it valid."""
    records = [Record(b"k", b"v", ())] * 3
    buffer = encode_batch(records, base_offset=5, leader_epoch=-1, codec=Codec.ZSTD)
    before = bytes(buffer)

    patch_batch(memoryview(buffer) if view else buffer, 2**40)

    header = check_batch(buffer)
    after = bytes(buffer)
    assert (2**40, 0) == (header.base_offset, header.leader_epoch)
    assert (before[8:12], before[16:]) == (after[8:12], after[16:])
    assert [2**40, 2**40 + 1, 2**40 + 2] == [record.offset for record in decode_batch(buffer)]
