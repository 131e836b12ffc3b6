"""What `gputail broker` can be told. Nothing of eventlog is imported for it: `--help` stays fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from gputail.endpoint import ConnectEndpointOption, Endpoint, EndpointOption

_LISTEN = Endpoint("127.0.0.1", 9092)
_Count = Annotated[int, Parameter(validator=Number(gte=1))]
_RequestBytes = Annotated[int, Parameter(validator=Number(gte=64 * 1024, lte=64 * 1024 * 1024))]
_Bytes = Annotated[int, Parameter(validator=Number(gte=0))]
_Share = Annotated[float, Parameter(validator=Number(gt=0, lte=1))]


def _check(_: object, options: BrokerOptions | None) -> None:
    if options is None:
        return
    if options.listen.is_wildcard and options.advertise is None:
        raise ValueError(
            f"--listen {options.listen} is every address of this machine; "
            "name the one that clients connect to with --advertise HOST:PORT"
        )
    if options.session_timeout_ms_min > options.session_timeout_ms_max:
        raise ValueError("--session-timeout-ms-min is above --session-timeout-ms-max")


@Parameter(name="*", validator=_check)
@attrs.frozen(kw_only=True)
class BrokerOptions:
    """One broker's options; the docstrings are the help."""

    data_dir: Path
    """The data directory; made where it is missing."""
    listen: EndpointOption = _LISTEN
    """HOST:PORT for Kafka clients; port 0 is any free one."""
    advertise: ConnectEndpointOption | None = None
    """HOST:PORT that clients are told to connect to, where that is not where it listens."""
    flush: Literal["group", "os"] = "group"
    """When appends are acknowledged: after fdatasync (group), or at once (os): a power cut may undo those."""
    no_admin: bool = False
    """Refuse clients that change topics, settings or groups."""
    auto_create_topics: bool = False
    """Make the topics that clients ask for."""
    default_partitions: _Count = 1
    """Partitions of a topic that is made without a number of them."""
    partitions_max: _Count = 2_000
    """Partitions of all topics together; more are refused."""
    connections_max: _Count = 1_024
    """Clients beyond so many are turned away."""
    request_bytes_max: _RequestBytes = 16 * 1024 * 1024
    """The largest request, in bytes."""
    free_bytes_min: _Bytes = 1024 * 1024 * 1024
    """Below so many free bytes on the volume, appends are refused."""
    volume_share: _Share = 0.7
    """The part of the volume that topics without a retention.bytes of their own share."""
    session_timeout_ms_min: _Count = 6_000
    """The shortest session timeout that a consumer may ask for, in milliseconds."""
    session_timeout_ms_max: _Count = 1_800_000
    """The longest one."""
    initial_rebalance_delay_ms: Annotated[int, Parameter(validator=Number(gte=0, lte=60_000))] = 3_000
    """How long a new consumer group waits for more than its first member, in milliseconds."""
