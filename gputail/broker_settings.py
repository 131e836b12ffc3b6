"""From the options of the command line to the settings of the broker."""

from __future__ import annotations

from eventlog.broker.settings import BrokerSettings
from eventlog.broker.topic_rules import TopicRules
from eventlog.group.coordinator_settings import CoordinatorSettings
from eventlog.group.settings import GroupSettings
from eventlog.storage.settings import FlushPolicy, LogSettings
from gputail.broker_options import BrokerOptions


def broker_settings(options: BrokerOptions) -> BrokerSettings:
    """The settings that the options stand for; all others keep their defaults."""
    advertise = options.advertise
    return BrokerSettings(
        host=options.listen.host,
        port=options.listen.port,
        advertised_host=None if advertise is None else advertise.host,
        advertised_port=None if advertise is None else advertise.port,
        connections_max=options.connections_max,
        frame_bytes_max=options.request_bytes_max,
        topics=TopicRules(
            is_admin_allowed=not options.no_admin,
            is_auto_create_allowed=options.auto_create_topics,
            default_partitions=options.default_partitions,
            partitions_max=options.partitions_max,
        ),
        log=LogSettings(
            flush=FlushPolicy(options.flush),
            free_bytes_min=options.free_bytes_min,
            volume_share=options.volume_share,
        ),
        coordinator=CoordinatorSettings(
            group=GroupSettings(
                session_timeout_ms_min=options.session_timeout_ms_min,
                session_timeout_ms_max=options.session_timeout_ms_max,
                initial_rebalance_delay_ms=options.initial_rebalance_delay_ms,
            )
        ),
    )
