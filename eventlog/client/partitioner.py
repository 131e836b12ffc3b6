"""Which partition a key belongs to: the same answer as Kafka's Java client gives.

Source: Apache Kafka, `Utils.murmur2` and `Utils.toPositive`; the hash is Austin Appleby's MurmurHash2,
32 bits, with the seed 0x9747b28c, over the key's bytes read as little-endian words.
"""

from __future__ import annotations

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash, as an unsigned number of 32 bits."""
    length = len(data)
    hashed = (_SEED ^ length) & _MASK
    whole = length & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> 24) * _MULTIPLIER & _MASK
        hashed = hashed * _MULTIPLIER & _MASK ^ word
    if length > whole:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _MASK
    return hashed ^ hashed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among `partitions`, numbered from 0."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
