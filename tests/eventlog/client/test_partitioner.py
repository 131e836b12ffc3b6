"""Keys go where Kafka's Java client would put them."""

from __future__ import annotations

from collections import Counter

import pytest

from eventlog.client.partitioner import murmur2, partition_of

# Apache Kafka, UtilsTest.testMurmur2: signed 32 bits there.
JAVA = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("data", "expected"), JAVA)
def test_the_hash_is_java_s(data: bytes, expected: int) -> None:
    """The vectors of Kafka's own unit test."""
    assert expected & 0xFFFFFFFF == murmur2(data)


@pytest.mark.parametrize("length", range(8))
def test_every_length_of_tail_is_hashed(length: int) -> None:
    """Keys that differ in their last byte only differ in their hash."""
    assert 256 == len({murmur2(b"GPU-0000"[:length] + bytes([last])) for last in range(256)})


def test_the_partition_is_positive_and_fair() -> None:
    """Each partition gets about its part."""
    counts = Counter(partition_of(b"GPU-%d" % number, 12) for number in range(12_000))
    assert set(range(12)) == set(counts)
    assert all(800 < count < 1_200 for count in counts.values())
