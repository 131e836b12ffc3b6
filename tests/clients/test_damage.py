"""A batch that has rotted on the volume: what each client tells its user, and how it gets past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.aiokafka_client import AiokafkaClient
from tests.clients.client import WAIT_S, Client, DamagedError, Found, Message, NothingCameError
from tests.clients.living_broker import living_broker
from tests.clients.rot import rot

T0_MS = 1_700_000_000_000
FIVE = [Message(None, b"%d" % number * 100, T0_MS + number) for number in range(5)]
DAMAGED = 2
SOUND = [Found(number, FIVE[number]) for number in range(5) if number != DAMAGED]
SILENCE_S = 0.7
"""So long a client is watched that never tells."""


@pytest.fixture
def damaged(make_client: type[Client], tmp_path: Path) -> Iterator[Client]:
    """A client of a broker with the topics `refuse` and `skip`, the third batch of each damaged."""
    with living_broker(tmp_path) as broker:
        for policy in ("refuse", "skip"):
            broker.create_topic(policy, damaged=policy)
            with make_client(broker.bootstrap).writer(policy) as writer:
                for message in FIVE:
                    writer.write([message])
        broker.stop()
        for policy in ("refuse", "skip"):
            rot(broker, policy, DAMAGED)
        broker.start()
        yield make_client(broker.bootstrap)


def test_refused(damaged: Client) -> None:
    """Records before the damage are read, the damage is told, a seek leads past it; nothing is altered."""
    with damaged.reader("refuse") as reader:
        assert SOUND[:DAMAGED] == reader.read(DAMAGED)
        # aiokafka asks again and again, and says nothing.
        silent = isinstance(damaged, AiokafkaClient)
        with pytest.raises(NothingCameError if silent else DamagedError):
            reader.read(1, wait_s=SILENCE_S if silent else WAIT_S)
        reader.seek(DAMAGED + 1)
        assert SOUND[DAMAGED:] == reader.read(2)
        reader.seek(0)
        assert SOUND[:DAMAGED] == reader.read(DAMAGED)


def test_skipped(damaged: Client) -> None:
    """Where the topic says so, a reader gets the next records that can be read."""
    with damaged.reader("skip") as reader:
        assert SOUND == reader.read(len(SOUND))
        reader.seek(DAMAGED)
        assert SOUND[DAMAGED:] == reader.read(2)


def test_time_leads_past_the_damage(damaged: Client) -> None:
    """A search by time passes over what cannot be read, whatever the topic's policy."""
    with damaged.reader("refuse") as reader:
        assert DAMAGED + 1 == reader.offset_at(T0_MS + DAMAGED)
        assert (0, 5) == reader.ends()
