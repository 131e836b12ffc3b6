"""The library behind the Kafka adapter."""

from __future__ import annotations

import confluent_kafka


def librdkafka_version() -> str:
    """The version that is loaded, such as 2.6.0."""
    return confluent_kafka.libversion()[0]
