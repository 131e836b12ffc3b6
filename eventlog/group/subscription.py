"""The topics in a consumer's metadata: the one part of it that the broker reads.

Metadata of protocol type `consumer` begins so (big-endian):

    int16   version
    int32   topic count, and so many times:
      int16   name length
      …       name, UTF-8

What follows (user data, owned partitions, generation, rack) differs from one join to the next and is
the members' own.

Source: Apache Kafka, message definition ConsumerProtocolSubscription.
"""

from __future__ import annotations

import struct

CONSUMER = "consumer"
"""The protocol type of ordinary consumers."""

_HEAD = struct.Struct(">hi")
_LENGTH = struct.Struct(">h")


def subscribed_topics(metadata: bytes) -> frozenset[str] | None:
    """The topics that a consumer's metadata names, or None where it is not of that form."""
    if len(metadata) < _HEAD.size:
        return None
    _, count = _HEAD.unpack_from(metadata)
    at = _HEAD.size
    if not 0 <= count <= (len(metadata) - at) // _LENGTH.size:
        return None
    topics: set[str] = set()
    for _ in range(count):
        if len(metadata) - at < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(metadata, at)
        at += _LENGTH.size
        if not 0 <= length <= len(metadata) - at:
            return None
        try:
            topics.add(metadata[at : at + length].decode())
        except UnicodeDecodeError:
            return None
        at += length
    return frozenset(topics)


def is_same_subscription(protocol_type: str, old: bytes, new: bytes) -> bool:
    """Whether an assignment made for `old` metadata fits `new` metadata as well."""
    if old == new:
        return True
    topics = subscribed_topics(old) if protocol_type == CONSUMER else None
    return topics is not None and topics == subscribed_topics(new)
