"""Reading the topics out of a consumer's metadata."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.group.subscription import is_same_subscription, subscribed_topics
from tests.eventlog.group.test_static_members import consumer


def test_by_hand() -> None:
    """Two topics are found before user data and an owned partition (version 1, written out by hand)."""
    metadata = bytes.fromhex("0001 00000002 0003 677075 0001 61 ffffffff 00000001 0001 61 00000001 00000000")
    assert frozenset({"gpu", "a"}) == subscribed_topics(metadata)


@given(st.sets(st.text(max_size=20), max_size=5), st.binary(max_size=20))
def test_round_trip(topics: set[str], rest: bytes) -> None:
    """Whatever the topics and whatever follows, the topics are found."""
    named = [(len(topic.encode()), topic.encode()) for topic in sorted(topics)]
    body = b"".join(struct.pack(">h", length) + name for length, name in named)
    assert frozenset(topics) == subscribed_topics(struct.pack(">hi", 3, len(topics)) + body + rest)


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        consumer("a")[:5],
        consumer("a")[:-1],
        consumer("topic", "b")[:-3],
        consumer("topic", "b")[:-2],
        struct.pack(">hi", 1, -1),
        struct.pack(">hi", 1, 2**31 - 1),
        struct.pack(">hih", 1, 1, -1),
        struct.pack(">hih", 1, 1, 1) + b"\xff",
    ],
)
def test_not_of_that_form(metadata: bytes) -> None:
    """Metadata that ends early, claims more than is there or is no text gives no topics."""
    assert None is subscribed_topics(metadata)


@given(st.binary(max_size=40))
def test_any_bytes(metadata: bytes) -> None:
    """No bytes of a client break the reader."""
    subscribed_topics(metadata)


def test_sameness() -> None:
    """Consumers' metadata is the same by its topics, in any order; other metadata by its bytes."""
    old, new = consumer("a", "b", rest=b"x"), consumer("b", "a")
    assert is_same_subscription("consumer", old, new)
    assert not is_same_subscription("consumer", old, consumer("a"))
    assert not is_same_subscription("connect", old, new)
    assert is_same_subscription("connect", old, old)
    assert not is_same_subscription("consumer", b"?", b"!")
