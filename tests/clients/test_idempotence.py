"""A producer whose answers are lost sends again; what it sent is stored once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.clients.client import WAIT_S, Client, Message
from tests.clients.cutting_proxy import CuttingProxy
from tests.clients.living_broker import SETTINGS, LivingBroker, living_broker
from tests.eventlog.broker.running import running_broker

T0_MS = 1_700_000_000_000
ROUNDS = 5
A_ROUND = 20


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LivingBroker, CuttingProxy]]:
    """A broker that sends its clients through the proxy."""
    with CuttingProxy() as proxy:
        settings = attrs.evolve(SETTINGS, advertised_port=proxy.port)
        with living_broker(tmp_path_factory.mktemp("proxied"), settings) as broker:
            proxy.server_port = broker.settings.port
            yield broker, proxy


def test_lost_answers(make_client: type[Client], proxied: tuple[LivingBroker, CuttingProxy]) -> None:
    """Batches whose answers are lost are acknowledged at the second try, stored once and in order."""
    broker, proxy = proxied
    topic = broker.create_topic(f"lost-{make_client.__name__}")
    client = make_client(f"127.0.0.1:{proxy.port}")
    sent: list[Message] = []
    with client.writer(topic, is_idempotent=True) as writer:
        for _ in range(ROUNDS):
            messages = [
                Message(None, b"%d" % number, T0_MS) for number in range(len(sent), len(sent) + A_ROUND)
            ]
            cuts = proxy.cuts
            proxy.cut_next()
            writer.write(messages)
            assert cuts + 1 == proxy.cuts
            sent += messages
    with client.reader(topic) as reader:
        assert sent == [found.message for found in reader.read(len(sent))]
        assert (0, len(sent)) == reader.ends()


def test_lost_answer_and_killed_broker(make_client: type[Client], tmp_path: Path) -> None:
    """It is stored once also when the broker is killed between the append and the second try."""
    with CuttingProxy() as proxy:
        advertised = ("--advertise", f"127.0.0.1:{proxy.port}", "--auto-create-topics")
        with running_broker(tmp_path, *advertised) as running:
            proxy.server_port = int(running.bootstrap.rpartition(":")[2])
            client = make_client(f"127.0.0.1:{proxy.port}")
            messages = [Message(None, b"%d" % number, T0_MS) for number in range(A_ROUND)]
            with client.writer("once", is_idempotent=True) as writer:
                writer.write(messages[:1])
                proxy.cut_next(1000)
                writing = threading.Thread(target=writer.write, args=(messages[1:],))
                writing.start()
                proxy.wait_for_cuts(1, WAIT_S)
                running.kill()
                proxy.cut_next(0)
                with running_broker(tmp_path, *advertised) as again:
                    proxy.server_port = int(again.bootstrap.rpartition(":")[2])
                    writing.join(WAIT_S)
                    assert not writing.is_alive()
                    with client.reader("once") as reader:
                        assert messages == [found.message for found in reader.read(A_ROUND)]
                        assert (0, A_ROUND) == reader.ends()
