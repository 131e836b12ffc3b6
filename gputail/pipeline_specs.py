"""The children of `gputail up`: what each is called and told."""

from __future__ import annotations

import os
from typing import Final

from gputail.child import ChildSpec
from gputail.data_folder import DataFolder
from gputail.endpoint import Endpoint
from gputail.retention_options import TopicOptions
from gputail.settings import FILE
from gputail.source_options import PaceOptions
from gputail.up_options import UpOptions

BROKER: Final = "broker"
API: Final = "api"


def broker_spec(folder: DataFolder, listen: Endpoint) -> ChildSpec:
    """The log, and who serves it. Its groups need not wait for members that start elsewhere."""
    told = ["--data-dir", str(folder.log), "--listen", str(listen), "--initial-rebalance-delay-ms", "0"]
    return _spec(BROKER, "broker", told, ends_last=True)


def api_spec(folder: DataFolder, listen: Endpoint) -> ChildSpec:
    """The API over the views."""
    return _spec(API, "serve", ["--views", folder.views_url, "--listen", str(listen)])


def collector_specs(
    folder: DataFolder, options: UpOptions, topics: TopicOptions, servers: str
) -> list[ChildSpec]:
    """As many collectors as are wanted."""
    told = ["--bootstrap-servers", servers, "--views", folder.views_url, *_topics(topics)]
    told += ["--views-days", str(options.views_days)]
    return [_spec(f"collector-{n}", "collect", told) for n in range(1, options.collectors + 1)]


def streamer_specs(
    options: UpOptions, topics: TopicOptions, pace: PaceOptions, servers: str
) -> list[ChildSpec]:
    """As many streamers as are wanted, on one source."""
    told = ["--bootstrap-servers", servers, "--source", options.source, *_topics(topics)]
    told += ["--share", "group", "--interval", repr(pace.interval_s), f"--once={str(pace.once).lower()}"]
    if pace.rate is not None:
        told += ["--rate", repr(pace.rate)]
    return [
        _spec(f"streamer-{n}", "stream", told, ends_well=pace.once) for n in range(1, options.streamers + 1)
    ]


def _topics(topics: TopicOptions) -> list[str]:
    return [
        *("--partitions", str(topics.partitions)),
        *("--log-days", str(topics.log_days)),
        *("--log-bytes", str(topics.log_bytes)),
    ]


def _spec(
    name: str,
    verb: str,
    told: list[str],
    *,
    ends_well: bool = False,
    ends_last: bool = False,
) -> ChildSpec:
    """One child; the supervisor reads its log, so that is JSON whatever the environment asks for."""
    always = [
        *("--admin-listen", "127.0.0.1:0"),
        *("--instance-id", f"{name}-{os.getpid()}"),
        *("--log-format", "json"),
        *("--log-level", "info"),
    ]
    file = FILE.get()
    if file is not None:  # what it says of the child's other options counts too
        always += ["--config", str(file)]
    return ChildSpec(name, [verb, *told, *always], ends_well, ends_last)
