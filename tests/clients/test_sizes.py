"""Large messages, large batches, and small limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.clients.client import Client, Message

T0_MS = 1_700_000_000_000
LIMIT_BYTES = 1_048_576
OVERHEAD_BYTES = 200
"""More than a batch of one record has besides its value."""


def test_batch_larger_than_the_fetch(client: Client, topic: str) -> None:
    """A reader that takes 2 KB at a time gets a batch of 300 KB whole, and what follows it."""
    large = Message(b"large", bytes(300_000), T0_MS)
    small = Message(b"small", b"s", T0_MS)
    with client.writer(topic) as writer:
        for message in (small, large, small):
            writer.write([message])
    with client.reader(topic, fetch_bytes_max=2_000) as reader:
        assert [small, large, small] == [found.message for found in reader.read(3)]


def test_message_just_below_the_limit(client: Client, topic: str) -> None:
    """A message of nearly `max.message.bytes` is stored and read."""
    message = Message(None, b"\xa5" * (LIMIT_BYTES - OVERHEAD_BYTES), T0_MS)
    with client.writer(topic, request_bytes_max=2 * LIMIT_BYTES) as writer:
        assert [0] == writer.write([message])
    with client.reader(topic) as reader:
        assert message == reader.read(1)[0].message


def test_message_above_the_limit(client: Client, topic: str) -> None:
    """A message above `max.message.bytes` is refused by that name, and the next one is taken."""
    with client.writer(topic, request_bytes_max=2 * LIMIT_BYTES) as writer:
        with pytest.raises(Exception, match=r"MSG_SIZE_TOO_LARGE|MessageSizeTooLargeError|RecordTooLarge"):
            writer.write([Message(None, bytes(LIMIT_BYTES + 1), T0_MS)])
        assert [0] == writer.write([Message(None, b"small", T0_MS)])


def test_topic_limit(client: Client, create_topic: Callable[..., str]) -> None:
    """A topic's own `max.message.bytes` holds for it."""
    topic = create_topic(max_message_bytes=1000)
    with client.writer(topic) as writer:
        with pytest.raises(Exception, match=r"MSG_SIZE_TOO_LARGE|MessageSizeTooLargeError|RecordTooLarge"):
            writer.write([Message(None, bytes(1001), T0_MS)])
        assert [0] == writer.write([Message(None, bytes(900), T0_MS)])
