"""What may be set for a broker. Sizes in bytes, times in seconds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs.validators import ge, gt, le

from eventlog.broker.topic_rules import TopicRules
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.protocol.frames import FRAME_BYTES_LIMIT
from eventlog.storage.settings import LogSettings

FRAME_BYTES_MIN = 64 * 1024
"""Room for what clients send besides records."""


@attrs.frozen
class BrokerSettings:
    """One broker's settings; the defaults are meant for one machine of a GPU fleet."""

    host: str = "127.0.0.1"
    port: int = attrs.field(default=9092, validator=[ge(0), le(65535)])
    """0: any free one."""
    advertised_host: str | None = None
    """What clients are told to connect to; None: `host`."""
    advertised_port: int | None = None
    """None: the port that is listened on."""
    connections_max: int = attrs.field(default=1024, validator=ge(1))
    frame_bytes_max: int = attrs.field(
        default=16 * 1024 * 1024, validator=[ge(FRAME_BYTES_MIN), le(FRAME_BYTES_LIMIT)]
    )
    """The largest request."""
    frames_bytes_max: int = attrs.field(default=64 * 1024 * 1024, validator=ge(FRAME_BYTES_MIN))
    """What requests that have arrived in part may hold together."""
    frame_s_max: float = attrs.field(default=30.0, validator=gt(0))
    """How long one request may take to arrive."""
    idle_s_max: float = attrs.field(default=600.0, validator=gt(0))
    """How long a connection may lie idle, or a client not read its answers."""
    drain_s_max: float = attrs.field(default=5.0, validator=ge(0))
    """How long a stop waits for answers that are under way."""
    topics: TopicRules = attrs.field(factory=TopicRules)
    log: LogSettings = attrs.field(factory=LogSettings)
    coordinator: CoordinatorSettings = attrs.field(factory=CoordinatorSettings)

    def to_mapping(self, host: str, port: int) -> Mapping[str, str]:
        """What DescribeConfigs tells of a broker advertised so, under Kafka's names where there are any."""
        return {
            "advertised.listeners": f"PLAINTEXT://{host}:{port}",
            "auto.create.topics.enable": str(self.topics.is_auto_create_allowed).lower(),
            "connections.max.idle.ms": str(round(self.idle_s_max * 1000)),
            "gputail.admin": str(self.topics.is_admin_allowed).lower(),
            "gputail.flush": self.log.flush.value,
            "max.connections": str(self.connections_max),
            "num.partitions": str(self.topics.default_partitions),
            "socket.request.max.bytes": str(self.frame_bytes_max),
        }
