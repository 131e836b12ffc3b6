"""URLs of queues, and what librdkafka may be told."""

from __future__ import annotations

import pytest

from eventlog.client.address import KafkaAddress, MemoryAddress, parse_address
from eventlog.client.errors import BadQueueAddressError
from eventlog.client.kafka_log import KafkaLog
from eventlog.client.kafka_settings import consumer_settings, make_producer, producer_settings
from eventlog.client.opening import open_queue

SERVER = KafkaAddress("broker:9092")


def test_good_addresses_are_taken_apart() -> None:
    """One server or several, with settings; or a name in this process."""
    assert KafkaAddress("a:1,[::1]:9092") == parse_address("kafka://a:1,[::1]:9092")
    expected = KafkaAddress("a:1", {"security.protocol": "SASL_SSL", "ssl.ca.location": "/ca.pem"})
    assert expected == parse_address("kafka://a:1?security.protocol=SASL_SSL&ssl.ca.location=/ca.pem")
    assert MemoryAddress("x") == parse_address("memory://x")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "is not a queue's URL"),
        ("http://a:1", "is not a queue's URL"),
        ("localhost:9092", "is not a queue's URL"),
        ("kafka://", "is not host:port"),
        ("kafka://localhost", "is not host:port"),
        ("kafka://a:1,,b:2", "is not host:port"),
        ("kafka://a:x", "is not a port"),
        ("kafka://a:0", "is not a port"),
        ("kafka://a:65536", "is not a port"),
        ("kafka://a:1/topic", "nothing may follow"),
        ("kafka://a:1?debug", "setting=value"),
        ("memory://", "takes a name and nothing else"),
        ("memory://x?a=b", "takes a name and nothing else"),
        ("kafka://[::1:9092", "is not a queue's URL"),
    ],
)
def test_a_bad_address_is_one_clear_line(url: str, complaint: str) -> None:
    """It says what is wrong and what would be right."""
    with pytest.raises(BadQueueAddressError, match=complaint) as caught:
        parse_address(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://user:hunter2@a:1",
        "kafka://a:1?sasl.password=hunter2",
        "kafka://a:1?ssl.key.password=hunter2",
        "kafka://a:1?sasl.oauthbearer.client.secret=hunter2",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    """Addresses are logged, so secrets come another way."""
    with pytest.raises(BadQueueAddressError) as caught:
        parse_address(url)
    assert "hunter2" not in str(caught.value)


def test_a_secret_in_a_wrong_setting_is_not_repeated() -> None:
    """What librdkafka says of its settings is shown without their values."""
    with pytest.raises(BadQueueAddressError) as caught:
        make_producer(
            {"bootstrap.servers": "a:1", "ssl.key.password": "hunter2", "no.hunter2": 1}, KafkaLog()
        )
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("auto.offset.reset", "earliest"), ("enable.auto.commit", "true"), ("check.crcs", False)],
)
def test_what_the_promises_rest_on_cannot_be_changed(name: str, value: str | bool) -> None:
    """A consumer's settings are refused by name; the same value again is no change."""
    with pytest.raises(BadQueueAddressError, match=name):
        consumer_settings(SERVER, "me", {name: value}, group_id="g", poll_interval_s_max=300)
    found = consumer_settings(SERVER, "me", {"check.crcs": "true"}, group_id="g", poll_interval_s_max=300)
    assert found["check.crcs"] is True


@pytest.mark.parametrize(
    "name", ["enable.idempotence", "enable.gapless.guarantee", "message.timeout.ms", "acks"]
)
def test_a_producer_keeps_its_promises_too(name: str) -> None:
    """Nothing is dropped by a timeout, stored twice, or overtaken."""
    with pytest.raises(BadQueueAddressError, match=name):
        producer_settings(SERVER, "me", {name: 1 if name == "acks" else "17"})


def test_settings_win_in_order() -> None:
    """Given ones over the URL's over ours; the address itself always stays."""
    address = KafkaAddress("a:1", {"linger.ms": "50", "compression.type": "lz4", "bootstrap.servers": "b:2"})
    found = producer_settings(address, "me", {"linger.ms": 7})
    assert (7, "lz4", "a:1", "me") == tuple(
        found[name] for name in ("linger.ms", "compression.type", "bootstrap.servers", "client.id")
    )


def test_a_short_poll_interval_shortens_the_session() -> None:
    """Librdkafka refuses a session longer than the poll interval."""
    found = consumer_settings(SERVER, "me", {}, group_id="g", poll_interval_s_max=1.5)
    assert (1500, 1500, 500) == tuple(
        found[name] for name in ("max.poll.interval.ms", "session.timeout.ms", "heartbeat.interval.ms")
    )


async def test_a_queue_in_memory_takes_no_settings() -> None:
    """They would do nothing, which nobody would notice."""
    with pytest.raises(BadQueueAddressError, match=r"linger\.ms"):
        open_queue("memory://x", settings={"linger.ms": 1})


async def test_an_unknown_setting_is_an_error_at_once() -> None:
    """Librdkafka's word for it, in one line, when the queue is opened."""
    with pytest.raises(BadQueueAddressError, match=r"no\.such\.setting"):
        open_queue("kafka://127.0.0.1:1?no.such.setting=1")
