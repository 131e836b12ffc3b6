"""Bytes that were written by hand and by other implementations."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlog.record import Codec, Record, check_batch, decode_batch, encode_batch
from tests.eventlog.record.test_checksum import slow_crc32c

GOLDEN = Path(__file__).parent / "golden"

FOUR = [
    Record(b"GPU-0", b'{"gpu":0,"util":93}', (("trace", b"\x01\x02"), ("empty", None)), 1_700_000_000_000, 0),
    Record(None, b"x" * 40, (), 1_700_000_000_001, 1),
    Record(b"k", None, (), 1_699_999_999_999, 2),
    Record(b"", b"", (("\u00e9", b""),), 1_700_000_000_500, 3),
]
SIX = [
    Record(
        b"GPU-%d" % gpu,
        b'{"gpu":%d,"util":50,"memory":1024,"power":300}' % gpu,
        (),
        1_700_000_001_000 + gpu,
        4 + gpu,
    )
    for gpu in range(6)
]
RECORDS = {"aiokafka": FOUR, "kafka-python": FOUR, "librdkafka": FOUR + SIX}
FILES = sorted(GOLDEN.glob("*.hex"))

BY_HAND = bytes.fromhex(
    "0000000000000007"  # base offset 7
    "0000003c"  # batch length: 49 of the header and 11 of the record
    "00000000"  # leader epoch
    "02"  # magic
    "00000000"  # checksum, filled in by the test
    "0000"  # attributes
    "00000000"  # last offset delta
    "0000018bcfe56800"  # base timestamp 1700000000000
    "0000018bcfe56800"  # max timestamp
    "ffffffffffffffff"  # producer id
    "ffff"  # producer epoch
    "ffffffff"  # base sequence
    "00000001"  # record count
    "14"  # record: 10 bytes
    "00"  # its attributes
    "00"  # timestamp delta
    "00"  # offset delta
    "026b"  # key of 1 byte
    "01"  # no value
    "02"  # 1 header
    "0268"  # its name of 1 byte
    "01"  # and no value
)


def batch(path: Path) -> bytes:
    return bytes.fromhex(path.read_text())


def test_written_by_hand() -> None:
    """A batch is written, and read, byte for byte as the format's table has it."""
    raw = bytearray(BY_HAND)
    raw[17:21] = slow_crc32c(BY_HAND[21:]).to_bytes(4, "big")
    record = Record(b"k", None, (("h", None),), 1_700_000_000_000, 7)

    assert raw == encode_batch([record], base_offset=7)
    assert [record] == decode_batch(raw)
    assert 7 == check_batch(raw).base_offset


def test_all_codecs_of_all_clients_are_here() -> None:
    """There is a golden batch of each client with each codec."""
    expected = {f"{client}-{codec.name.lower()}" for client in RECORDS for codec in Codec}

    assert expected <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_other_clients_batches(path: Path) -> None:
    """What another implementation wrote is accepted, and read record for record."""
    client = next(name for name in RECORDS if path.stem.startswith(name))
    codec = path.stem.removeprefix(client + "-").removesuffix("-idempotent")

    header = check_batch(batch(path))

    assert Codec[codec.upper()] is header.codec
    assert RECORDS[client] == decode_batch(batch(path))


@pytest.mark.parametrize("client", sorted(RECORDS))
def test_same_bytes_as_other_clients(client: str) -> None:
    """Uncompressed, our batch of the same records is theirs, byte for byte from the magic on."""
    theirs = batch(GOLDEN / f"{client}-none.hex")
    header = check_batch(theirs)

    ours = encode_batch(
        RECORDS[client],
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
    )

    assert theirs[16:] == ours[16:]


def test_who_frames_snappy() -> None:
    """kafka-python and aiokafka write snappy-java's framing as we do, librdkafka a bare block."""
    framed = {path.stem for path in FILES if b"\x82SNAPPY\x00" == batch(path)[61:69]}

    assert {"kafka-python-snappy", "aiokafka-snappy"} == framed
    assert b"\x82SNAPPY\x00" == encode_batch(FOUR, codec=Codec.SNAPPY)[61:69]


def test_idempotent_producers() -> None:
    """The producer's fields of other clients are read."""
    header = check_batch(batch(GOLDEN / "aiokafka-zstd.hex"))

    assert (4211, 3, 17, 20) == (
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.last_sequence,
    )
    assert check_batch(batch(GOLDEN / "librdkafka-zstd-idempotent.hex")).is_idempotent
