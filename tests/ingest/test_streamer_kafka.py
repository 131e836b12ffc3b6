"""The streamer's contract over librdkafka and our own broker in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from eventlog.client import MessageQueue, OutboxLimits, open_queue
from eventlog.client.errors import UnknownTopicError
from ingest.topics import TELEMETRY, TELEMETRY_PARTITIONS
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.place import QUICK, KafkaPlace
from tests.eventlog.client.watching import WAIT_S, until
from tests.ingest.contract_streamer import (
    PARTITIONS,
    Running,
    StreamerContract,
    check_complete,
    log,
)
from tests.ingest.streaming.fleet import samples
from tests.ingest.streaming.judge import everything, fold, rows_by_partition
from tests.ingest.streaming.running import running_streamers


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    yield process
    process.stop()


@pytest.fixture
def place(broker: BrokerProcess) -> KafkaPlace:
    return KafkaPlace(broker)


class TestStreamer(StreamerContract):
    """`StreamerContract` holds."""


class LingeringPlace(KafkaPlace):
    """Records wait for a while before they are sent, so that a hand-over finds some."""

    def open(self, *, limits: OutboxLimits | None = None) -> MessageQueue:
        return open_queue(self.url, settings={**QUICK, "linger.ms": 300}, limits=limits)


async def test_a_hasty_hand_over_loses_nothing(broker: BrokerProcess) -> None:
    """What is thrown away at a hand-over, also of the partitions that stay, is sent again."""
    place = LingeringPlace(broker)
    hasty = partial(Running, place, hand_over_s_max=0.0, interval_s=0, rate=5_000.0)
    first = hasty(instance_id="first")
    await first.sends(500)
    others = [hasty(instance_id=f"other-{number}") for number in range(2)]
    for streamer in (*others, first):
        await streamer.sends(500)
    await others[0].stop()
    await until(lambda: first.counters.partitions_owned + others[1].counters.partitions_owned == PARTITIONS)
    for streamer in (first, others[1]):
        await streamer.sends(500)
        await streamer.stop()
    assert first.counters.events_purged > 0
    check_complete(await log(place), place.group, dropped=first.counters.events_published)


async def test_a_topic_that_is_gone_ends_it(place: KafkaPlace) -> None:
    """Waiting would not help: one clear error, as soon as the client believes it."""
    place.url += "&topic.metadata.propagation.max.ms=1000"
    streamer = Running(place)
    await streamer.sends()
    await asyncio.to_thread(place.admin().delete_topic, place.topic)
    with pytest.raises(UnknownTopicError):
        async with asyncio.timeout(WAIT_S):
            await streamer.task
    await streamer.queue.close()


async def test_a_member_that_dies_leaves_its_rows_to_those_who_are_done(broker: BrokerProcess) -> None:
    """`once`, and one of two is killed in the middle: the other ends with every row in the log."""
    source, address = f"once-{uuid.uuid4()}", f"127.0.0.1:{broker.port}"
    await asyncio.to_thread(killed_in_the_middle, address, source)
    queue = open_queue(f"kafka://{address}")
    folded = fold(await everything(queue, TELEMETRY), source)
    await queue.close()
    rows = rows_by_partition(samples(60, 2), TELEMETRY_PARTITIONS)
    assert {partition: [(1, row) for row in part] for partition, part in rows.items()} == folded.applied


def killed_in_the_middle(address: str, source: str) -> None:
    with running_streamers(address, source, 40.0, "once") as streamers:
        streamers.start("dies", rate=3.0)  # it has rows left, however long the other one takes to come
        streamers.start("stays")
        for name in ("dies", "stays"):
            streamers.until(partial(streamers.has_sent, name, 3))
        streamers.signal("dies", signal.SIGKILL)
        assert 0 == streamers.wait("stays")
        assert streamers.told("stays", "events_acknowledged") < 120


async def test_a_killed_broker_costs_nothing(place: KafkaPlace) -> None:
    """It is killed and started again while the streamer sends: no row is lost, none doubled."""
    streamer = Running(place)
    for _ in range(3):
        await streamer.sends(200)
        await asyncio.to_thread(place.broker.kill)
        await asyncio.to_thread(place.broker.start)
    await streamer.sends(200)
    await streamer.stop()
    check_complete(await log(place), place.group)
