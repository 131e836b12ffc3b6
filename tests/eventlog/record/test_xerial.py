"""Snappy in its two forms, framed and bare."""

from __future__ import annotations

import cramjam
import pytest

from eventlog.errors import CorruptBatchError
from eventlog.record import Codec, compress, decompress, xerial

START = bytes.fromhex("82534e41505059000000000100000001")
FOOBAR = bytes.fromhex("00000009") + bytes.fromhex("0718666f6f6261720a")
DATA = b"telemetry " * 10_000


def test_known_stream() -> None:
    """A stream of one block is written and read as the table has it."""
    assert START + FOOBAR == xerial.frame(b"foobar\n")
    assert b"foobar\n" == decompress(Codec.SNAPPY, START + FOOBAR)


def test_blocks_of_32_kib() -> None:
    """Data is cut every 32 KiB, and the blocks are joined again in their order."""
    packed = memoryview(compress(Codec.SNAPPY, DATA))

    first_bytes = int.from_bytes(packed[16:20], "big")
    assert DATA[:32768] == bytes(cramjam.snappy.decompress_raw(packed[20 : 20 + first_bytes]))
    assert DATA == decompress(Codec.SNAPPY, packed)
    assert len(DATA) == xerial.unpacked_bytes(packed)


def test_several_blocks_of_any_size() -> None:
    """Blocks of other sizes than ours are read."""
    assert b"foobar\n" * 3 == decompress(Codec.SNAPPY, START + FOOBAR * 3)


def test_bare_block() -> None:
    """A block without the framing is read, as librdkafka writes it."""
    assert DATA == decompress(Codec.SNAPPY, bytes(cramjam.snappy.compress_raw(DATA)))


def test_no_blocks() -> None:
    """A stream without blocks is the empty string."""
    assert b"" == decompress(Codec.SNAPPY, START)


def test_the_framing_is_no_bare_block() -> None:
    """What begins like the framing cannot be a bare block, so the two are never mistaken."""
    assert 10626 == cramjam.snappy.decompress_raw_len(START)  # a plausible size, but …
    with pytest.raises(cramjam.DecompressionError, match="expected valid offset"):
        cramjam.snappy.decompress_raw(START)


MALFORMED = {
    "8 of the header": (START[:8], "header is cut off after 8 of 16"),
    "15 of the header": (START[:15], "header is cut off after 15 of 16"),
    "first size cut off": (START + FOOBAR[:3], "cut off at byte 16, inside a block's size"),
    "next size cut off": (START + FOOBAR + b"\x00", "cut off at byte 29, inside a block's size"),
    "block cut off": (START + FOOBAR[:-1], "at byte 20 claims 9 bytes, 8 are there"),
    "size 0": (START + b"\x00\x00\x00\x00" + FOOBAR, "at byte 20 claims 0 bytes"),
    "size negative": (START + b"\xff\xff\xff\xff" + FOOBAR, "at byte 20 claims -1 bytes"),
    "size huge": (START + b"\x7f\xff\xff\xff" + FOOBAR, "at byte 20 claims 2147483647 bytes"),
    "noise in a block": (START + b"\x00\x00\x00\x09" + b"\xff" * 9, "has no readable size"),
    "block too short": (START + b"\x00\x00\x00\x08" + FOOBAR[4:-1], "does not unpack"),
    "bare noise": (b"\xff" * 9, "has no readable size"),
    "bare nothing": (b"", "block of 0 bytes"),
    "bare cut off": (FOOBAR[4:-1], "does not unpack"),
    "bare and more": (FOOBAR[4:] + b"\x00", "does not unpack"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    """A stream that is not whole is corrupt, and the error says where."""
    stream, complaint = MALFORMED[name]

    with pytest.raises(CorruptBatchError, match=complaint):
        decompress(Codec.SNAPPY, stream)


@pytest.mark.parametrize("framed", [True, False])
def test_false_size(framed: bool) -> None:
    """A size that no block of these bytes can unpack to is refused before anything is allocated."""
    block = bytes.fromhex("ffffffff0f") + b"\x00a"  # 4 GiB - 1
    stream = START + len(block).to_bytes(4, "big") + block if framed else block

    with pytest.raises(CorruptBatchError, match="block of 7 bytes claims to unpack to 4294967295"):
        decompress(Codec.SNAPPY, stream, size_bytes_max=2**40, ratio_max=2**40)


def test_densest_block() -> None:
    """The densest block that snappy can express stays within the growth that is believed."""
    copies = 10_000
    block = bytes.fromhex("818827") + b"\x00a" + b"\xfe\x01\x00" * copies  # 1 byte, then copies of 64

    unpacked = decompress(Codec.SNAPPY, block)

    assert b"a" * (1 + 64 * copies) == unpacked
    assert 21 < len(unpacked) / len(block) < xerial.GROWTH_MAX
