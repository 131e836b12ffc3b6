"""What is told of a broker that goes away and comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.client import NewRecord, open_queue
from eventlog.client.kafka_log import QUIET_S, SILENCE_S, KafkaLog
from tests.eventlog.client.broker_process import BrokerProcess
from tests.eventlog.client.watching import WAIT_S
from tests.reliability.manual_clock import ManualClock

LOGGER = "eventlog.client.librdkafka"
QUIET_MS = int(QUIET_S * 1000)
SILENCE_MS = int(SILENCE_S * 1000)


def fail(log: KafkaLog, level: int = logging.ERROR) -> None:
    """As librdkafka's binding does."""
    log.log(level, "%s [%s] %s", "FAIL", "gputail#producer-1", "Connection refused")


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Without debug lines."""
    return [line for line in caplog.records if line.name == LOGGER and line.levelno > logging.DEBUG]


def levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [line.levelno for line in told(caplog)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path / "broker")
    yield process
    process.stop()


@pytest.fixture
def log(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> KafkaLog:
    caplog.set_level(logging.DEBUG, LOGGER)
    return KafkaLog(clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_an_outage_is_two_lines(log: KafkaLog, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """The first failure with its reason, and that it is back with how many there were."""
    for _ in range(100):
        fail(log)
        clock.advance(100)
    clock.advance(QUIET_MS)
    log.answered()
    log.answered()
    assert [logging.WARNING, logging.INFO] == levels(caplog)
    away, back = told(caplog)
    assert "FAIL [gputail#producer-1] Connection refused" == vars(away)["error"]
    assert ("connect", 100) == (vars(back)["action"], vars(back)["failures"])
    assert 99 == sum(line.levelno == logging.DEBUG for line in caplog.records)


def test_a_long_outage_is_told_each_minute(
    log: KafkaLog, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And one that comes and goes is not told more often, nor is its end without its beginning."""
    for _ in range(3):
        fail(log)
        clock.advance(SILENCE_MS)
    assert [logging.WARNING] * 3 == levels(caplog)
    fail(log)
    for _ in range(5):
        clock.advance(QUIET_MS)
        log.answered()
        fail(log)
    assert [logging.WARNING] * 4 + [logging.INFO] == levels(caplog)


def test_what_was_fetched_before_is_no_answer(
    log: KafkaLog, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """While attempts fail nobody is back."""
    fail(log)
    clock.advance(QUIET_MS // 2)
    log.answered()
    assert [logging.WARNING] == levels(caplog)


def test_the_rest_is_passed_on(log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    """As it came; a connection that was closed in order is no news, nor is what we do on purpose."""
    log.log(logging.WARNING, "%s [%s] %s", "MAXPOLL", "c", "max.poll.interval.ms exceeded")
    fail(log, logging.INFO)
    log.log(logging.WARNING, "%s [%s] %s", "CONFWARN", "c", "enable.gapless.guarantee is experimental: x")
    assert ["MAXPOLL [c] max.poll.interval.ms exceeded", "FAIL [gputail#producer-1] Connection refused"] == (
        caplog.messages
    )
    assert [logging.WARNING] == levels(caplog)


async def test_a_broker_restarts(broker: BrokerProcess, caplog: pytest.LogCaptureFixture) -> None:
    """One line at each of publisher and reader, whatever librdkafka tries meanwhile; one when it is back."""
    queue = open_queue(f"kafka://127.0.0.1:{broker.port}")
    topic = await queue.ensure_topic("topic", 1)
    publisher = await queue.publisher(topic.name)
    at = (await queue.partitions_of(topic.name))[0]
    reader = await queue.read({at: 0})
    with caplog.at_level(logging.INFO, LOGGER):
        await publisher.publish([NewRecord(b"before")]).wait()
        broker.kill()
        async with asyncio.timeout(WAIT_S):
            while levels(caplog).count(logging.WARNING) < 2:
                await reader.poll(timeout_s=0.1)
        await asyncio.sleep(1.0)  # so that there would be many
        broker.start()
        async with asyncio.timeout(WAIT_S):
            while levels(caplog).count(logging.INFO) < 2:
                await publisher.publish([NewRecord(b"after")]).wait()
                await reader.poll(timeout_s=0.1)
    assert [logging.WARNING] * 2 + [logging.INFO] * 2 == levels(caplog)
    await queue.close()
