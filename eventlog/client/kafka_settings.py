"""librdkafka's settings: what we insist on, what we choose, and what a caller may change.

Callers' settings pass through, for clusters differ in what they need (SASL, TLS, timeouts), except the
ones named in `INSISTED`: on those the promises of the port rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from eventlog.client.address import KafkaAddress, is_secret
from eventlog.client.errors import BadQueueAddressError
from eventlog.client.kafka_log import LineLog

Setting = str | int | bool
Settings = Mapping[str, Setting]

CONNECTION: Settings = {
    "socket.keepalive.enable": True,
    "socket.nagle.disable": True,  # waiting is done by linger.ms; a lone request goes out at once
    "reconnect.backoff.ms": 50,  # a broker that restarts is found again within a second or two
    "reconnect.backoff.max.ms": 1_000,
    "topic.metadata.refresh.fast.interval.ms": 100,
    "allow.auto.create.topics": False,
}
PRODUCER: Settings = {
    "compression.type": "zstd",
    "compression.level": -1,  # the codec's own
    "linger.ms": 5,
    "batch.num.messages": 100_000,  # a batch ends by its bytes, below
    "batch.size": 512 * 1024,
    "delivery.report.only.error": False,
}
CONSUMER: Settings = {
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 1_000,  # a rebalance is noticed within this time
    "fetch.wait.max.ms": 500,
    "fetch.message.max.bytes": 1_048_576,
    "fetch.queue.backoff.ms": 10,  # 1,000 by default, which throttles a replay
    "fetch.error.backoff.ms": 100,
    "queued.max.messages.kbytes": 32 * 1024,  # the memory of a reader that does not keep up
}

INSISTED_PRODUCER: Settings = {
    "enable.idempotence": True,
    "acks": "all",
    "enable.gapless.guarantee": True,  # the last record's ack speaks for those before it
    "message.timeout.ms": 0,  # never drop what was accepted
    "message.max.bytes": 1_048_576,  # room for one record as large as the publisher lets through
    "queue.buffering.max.messages": 0,  # bounded by the publisher, batch by batch
    "queue.buffering.max.kbytes": 2**31 - 1,
}
INSISTED_CONSUMER: Settings = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": False,
    "auto.offset.reset": "error",  # a reset in silence loses records, or reads all of them again
    "check.crcs": True,
    "isolation.level": "read_committed",
    "partition.assignment.strategy": "cooperative-sticky",
}


def _connection(address: KafkaAddress, client_id: str, extra: Settings) -> dict[str, Setting]:
    return {
        **CONNECTION,
        **address.settings,
        **extra,
        "bootstrap.servers": address.bootstrap_servers,
        "client.id": client_id,
    }


def _insisting(asked: Mapping[str, Setting], insisted: Settings) -> dict[str, Setting]:
    for name, value in insisted.items():
        if name in asked and str(asked[name]).lower() != str(value).lower():
            raise BadQueueAddressError(f"{name} cannot be changed: it is always {str(value).lower()}")
    return {**asked, **insisted}


def admin_settings(address: KafkaAddress, client_id: str, extra: Settings) -> dict[str, Setting]:
    """An admin client's settings: without those that only producers and consumers know."""
    others = {*PRODUCER, *CONSUMER, *INSISTED_PRODUCER, *INSISTED_CONSUMER}
    asked = _connection(address, client_id, extra)
    return {name: value for name, value in asked.items() if name not in others}


def producer_settings(address: KafkaAddress, client_id: str, extra: Settings) -> dict[str, Setting]:
    """A producer's settings; BadQueueAddressError where one is changed that must not change."""
    asked = {**PRODUCER, **_connection(address, client_id, extra)}
    consumers_own = {*CONSUMER, *INSISTED_CONSUMER}
    wanted = {name: value for name, value in asked.items() if name not in consumers_own}
    return _insisting(wanted, INSISTED_PRODUCER)


def consumer_settings(
    address: KafkaAddress, client_id: str, extra: Settings, *, group_id: str, poll_interval_s_max: float
) -> dict[str, Setting]:
    """A consumer's settings; BadQueueAddressError where one is changed that must not change."""
    asked = {**CONSUMER, **_connection(address, client_id, extra)}
    producers_own = {*PRODUCER, *INSISTED_PRODUCER}
    wanted = {name: value for name, value in asked.items() if name not in producers_own}
    poll_ms = max(1, round(poll_interval_s_max * 1000))
    session_ms = min(poll_ms, int(wanted["session.timeout.ms"]))
    own: Settings = {
        "group.id": group_id,
        "max.poll.interval.ms": poll_ms,
        "session.timeout.ms": session_ms,  # librdkafka wants it no longer than the poll interval
        "heartbeat.interval.ms": min(int(wanted["heartbeat.interval.ms"]), max(1, session_ms // 3)),
    }
    return {**_insisting(wanted, INSISTED_CONSUMER), **own}


def make_producer(settings: Mapping[str, object], log: LineLog) -> Producer:
    """A librdkafka producer; BadQueueAddressError for a setting that it does not know."""
    try:
        return Producer({**settings, "logger": log})
    except KafkaException as error:
        raise _bad_setting(error, settings) from None


def make_consumer(settings: Mapping[str, object], log: LineLog) -> Consumer:
    """A librdkafka consumer; BadQueueAddressError for a setting that it does not know."""
    try:
        return Consumer({**settings, "logger": log})
    except KafkaException as error:
        raise _bad_setting(error, settings) from None


def make_admin(settings: Mapping[str, object]) -> AdminClient:
    """A librdkafka admin client; BadQueueAddressError for a setting that it does not know."""
    try:
        # Its log would wait for a poll that nobody makes, and grow; each call raises what goes wrong.
        return AdminClient({**settings, "log_level": 0})  # type: ignore[dict-item]
    except KafkaException as error:
        raise _bad_setting(error, settings) from None


def _bad_setting(error: KafkaException, settings: Mapping[str, object]) -> BadQueueAddressError:
    text = " ".join(error.args[0].str().split())
    for name, value in settings.items():
        if is_secret(name):
            text = text.replace(str(value), "***")
    return BadQueueAddressError(f"librdkafka does not take these settings: {text}")
