"""One broker for all tests that do not stop it, and every client library in turn."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.aiokafka_client import AiokafkaClient
from tests.clients.client import Client
from tests.clients.confluent_client import ConfluentClient
from tests.clients.kafka_python_client import KafkaPythonClient, forget_sockets
from tests.clients.living_broker import LivingBroker, living_broker

HERE = Path(__file__).parent
CLIENTS: dict[str, type[Client]] = {
    "confluent": ConfluentClient,
    "aiokafka": AiokafkaClient,
    "kafka-python": KafkaPythonClient,
}


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingBroker]:
    tracer = threading.gettrace()
    threading.settrace(None)  # as its tests, whoever begins
    with living_broker(tmp_path_factory.mktemp("broker")) as broker:
        threading.settrace(tracer)
        yield broker


@pytest.fixture(params=CLIENTS)
def make_client(request: pytest.FixtureRequest) -> type[Client]:
    return CLIENTS[request.param]


@pytest.fixture
def client(make_client: type[Client], broker: LivingBroker) -> Client:
    return make_client(broker.bootstrap)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let kafka-python leave sockets unclosed when a connection is refused."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """What kafka-python has left is collected here, and not in somebody else's test."""
    yield
    if "kafka-python" in request.node.name or "kafka_python" in request.node.nodeid:
        forget_sockets()


_numbers = itertools.count()


@pytest.fixture
def create_topic(broker: LivingBroker) -> Callable[..., str]:
    """Makes a topic with a name of its own on the shared broker."""

    def create(partitions: int = 1, **settings: Any) -> str:
        return broker.create_topic(f"topic-{next(_numbers)}", partitions, **settings)

    return create


@pytest.fixture
def topic(create_topic: Callable[..., str]) -> str:
    return create_topic()
