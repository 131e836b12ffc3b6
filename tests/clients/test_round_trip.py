"""What a client sends is what it reads: every codec, every acks, to the byte."""

from __future__ import annotations

import pytest

from tests.clients.client import ALL_CODECS, Client, Found, Message

T0_MS = 1_700_000_000_000
MESSAGES = [
    Message(b"key", b"value", T0_MS, (("h", b"1"), ("h", b"2"), ("empty", b""))),
    Message(None, b"no key", T0_MS + 5),
    Message(b"tombstone", None, T0_MS + 1),
    Message(b"", b"", T0_MS + 2, (("bytes", bytes(range(256))),)),
    Message(bytes(range(256)), b"\x00" * 3, T0_MS + 3),
    *(Message(b"%d" % number, b"compresses well " * 50, T0_MS + 10 + number) for number in range(200)),
]


@pytest.mark.parametrize("codec", ALL_CODECS)
def test_every_codec(client: Client, topic: str, codec: str) -> None:
    """Keys, values, null ones too, headers and timestamps come back, at dense offsets, with each codec."""
    with client.writer(topic, codec=codec) as writer:
        assert list(range(len(MESSAGES))) == writer.write(MESSAGES)
    with client.reader(topic) as reader:
        found = reader.read(len(MESSAGES))
    assert [Found(offset, message) for offset, message in enumerate(MESSAGES)] == found


@pytest.mark.parametrize("acks", [0, 1, -1])
def test_every_acks(client: Client, topic: str, acks: int) -> None:
    """Messages arrive once and in order, whether or not their producer waits for an answer."""
    with client.writer(topic, acks=acks) as writer:
        for start in range(0, len(MESSAGES), 50):
            writer.write(MESSAGES[start : start + 50])
    with client.reader(topic) as reader:
        assert MESSAGES == [found.message for found in reader.read(len(MESSAGES))]
        assert (0, len(MESSAGES)) == reader.ends()
