"""Where a contract is tried: a log with a topic of its own, and what may happen to it from outside."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from pathlib import Path

from eventlog.client import InMemoryMessageQueue, MessageQueue, OutboxLimits, TopicPartition, open_queue
from eventlog.client.address import KafkaAddress
from eventlog.client.admin import KafkaAdmin
from eventlog.client.kafka_settings import Settings
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.watching import WAIT_S

QUICK: Settings = {
    "heartbeat.interval.ms": 100,
    "fetch.wait.max.ms": 50,
    "linger.ms": 1,
    "session.timeout.ms": 15_000,
}
"""So that the tests do not wait for what nobody tests. A session ends before any test gives up: librdkafka
2.16 does not leave a group where it is closed between a rebalance that failed and the next try."""
LASTING: Settings = {**QUICK, "session.timeout.ms": 1_500 * int(WAIT_S)}
"""A session lasts for longer than any test waits: who leaves has to say so."""


class Place(ABC):
    """One test's log; `topic` and `group` are names that nobody else uses."""

    silent_s_max: float
    """What is there has come to a new reader by then, though the machine is busy."""

    def __init__(self) -> None:
        self.topic = f"topic-{uuid.uuid4().hex[:8]}"
        self.group = f"group-{uuid.uuid4().hex[:8]}"

    def at(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)

    @abstractmethod
    def open(self, *, limits: OutboxLimits | None = None) -> MessageQueue: ...

    @abstractmethod
    def go_away(self) -> None:
        """The broker answers nobody any more."""

    @abstractmethod
    def come_back(self) -> None: ...

    @abstractmethod
    def raise_log_start(self, at: TopicPartition, offset: int) -> None: ...

    @abstractmethod
    def damage(self, at: TopicPartition, value: bytes) -> None:
        """Damage the batch that holds this value, as found by a broker that has just started."""


class MemoryPlace(Place):
    silent_s_max = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.queue = InMemoryMessageQueue(self.topic)

    def open(self, *, limits: OutboxLimits | None = None) -> MessageQueue:
        return open_queue(f"memory://{self.topic}", limits=limits)

    def go_away(self) -> None:
        self.queue.log.set_available(False)

    def come_back(self) -> None:
        self.queue.log.set_available(True)

    def raise_log_start(self, at: TopicPartition, offset: int) -> None:
        self.queue.log.partition(at).delete_before(offset)

    def damage(self, at: TopicPartition, value: bytes) -> None:
        partition = self.queue.log.partition(at)
        offset = next(record.offset for record in partition.read(0, 1000) if record.value == value)
        partition.damage(offset, offset + 1)


class KafkaPlace(Place):
    """Compression is off, so that a test can find a value in the file that it damages."""

    silent_s_max = 5.0
    settings: Settings = QUICK

    def __init__(self, broker: BrokerProcess) -> None:
        super().__init__()
        self.broker = broker
        self.url = f"kafka://127.0.0.1:{broker.port}?compression.type=none"

    def open(self, *, limits: OutboxLimits | None = None) -> MessageQueue:
        return open_queue(self.url, settings=self.settings, limits=limits)

    def admin(self) -> KafkaAdmin:
        return KafkaAdmin(KafkaAddress(f"127.0.0.1:{self.broker.port}"), timeout_s=10)

    def go_away(self) -> None:
        self.broker.freeze()

    def come_back(self) -> None:
        self.broker.thaw()

    def raise_log_start(self, at: TopicPartition, offset: int) -> None:
        self.admin().delete_records({at: offset})

    def damage(self, at: TopicPartition, value: bytes) -> None:
        folder = self.broker.data_dir / "topics" / at.topic / str(at.partition)
        (segment,) = folder.glob("*.log")
        self.broker.stop()
        flip(segment, segment.read_bytes().index(value))
        self.broker.start()


def flip(path: Path, position: int) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0x01]))
