"""What librdkafka is told: each client is told what it knows, whoever asks for what."""

from __future__ import annotations

from eventlog.client.address import KafkaAddress
from eventlog.client.kafka_settings import (
    CONSUMER,
    PRODUCER,
    admin_settings,
    consumer_settings,
    producer_settings,
)

ADDRESS = KafkaAddress("127.0.0.1:9092")
ASKED = {**PRODUCER, **CONSUMER, "compression.level": 1, "fetch.message.max.bytes": 65_536, "log_level": 3}


def test_a_setting_of_one_client_is_not_told_to_another() -> None:
    """librdkafka would warn of each, in the log of whoever asked for it."""
    producer = producer_settings(ADDRESS, "ours", ASKED)
    consumer = consumer_settings(ADDRESS, "ours", ASKED, group_id="g", poll_interval_s_max=60.0)
    admin = admin_settings(ADDRESS, "ours", ASKED)
    assert (1, 65_536) == (producer["compression.level"], consumer["fetch.message.max.bytes"])
    assert set() == (producer.keys() | admin.keys()) & CONSUMER.keys()
    assert set() == (consumer.keys() | admin.keys()) & PRODUCER.keys()
    assert [3, 3, 3] == [each["log_level"] for each in (producer, consumer, admin)]
