"""From a URL to a queue."""

from __future__ import annotations

from eventlog.client.address import KafkaAddress, parse_address
from eventlog.client.errors import BadQueueAddressError
from eventlog.client.kafka_queue import KafkaMessageQueue
from eventlog.client.kafka_settings import Settings
from eventlog.client.memory_queue import InMemoryMessageQueue
from eventlog.client.outbox import OutboxLimits
from eventlog.client.port import MessageQueue


def open_queue(
    url: str,
    *,
    settings: Settings | None = None,
    client_id: str = "gputail",
    limits: OutboxLimits | None = None,
) -> MessageQueue:
    """The queue behind a URL: `kafka://host:port[,host:port]` or `memory://name`.

    Call it in a running loop. It does not wait for a broker: the first question or record does.

    Args:
        url: where the log is; a kafka URL's query holds further librdkafka settings, but no secrets.
        settings: librdkafka settings, secrets among them; these win over the URL's.
        client_id: who we are, in the broker's logs and metrics.
        limits: how much may wait for the broker's answer in each publisher.

    Raises:
        BadQueueAddressError: the URL or a setting cannot be used; one line says why.
    """
    address = parse_address(url)
    if isinstance(address, KafkaAddress):
        return KafkaMessageQueue(address, settings=settings, client_id=client_id, limits=limits)
    if settings:
        raise BadQueueAddressError(f"a queue in memory takes no settings, and {min(settings)!r} is one")
    return InMemoryMessageQueue(address.name, limits=limits)
