"""A consumer that waits for records does not wait longer than it must."""

from __future__ import annotations

import threading
import time

from tests.clients.client import Client, Message
from tests.clients.confluent_client import ConfluentClient
from tests.clients.living_broker import LivingBroker

WAIT_MS = 20_000
"""What the reader lets the broker wait for."""
LATE_S = 0.3
"""When the reader surely waits."""
PROMPT_S_MAX = 10.0
"""For a machine that is busy with other tests; far from the wait."""
NEWS = Message(None, b"news", 1_700_000_000_000)


def test_waiting_reader_is_woken(client: Client, broker: LivingBroker, topic: str) -> None:
    """What is written while a reader waits reaches it at once, not at the end of its wait."""
    with (
        ConfluentClient(broker.bootstrap).writer(topic) as writer,
        client.reader(topic, fetch_wait_ms=WAIT_MS) as reader,
    ):
        writer.write([NEWS])
        reader.read(1)
        sender = threading.Timer(LATE_S, writer.write, [[NEWS]])
        started_s = time.monotonic()
        sender.start()
        reader.read(1)
        took_s = time.monotonic() - started_s
        sender.join()
    assert LATE_S < took_s < LATE_S + PROMPT_S_MAX
