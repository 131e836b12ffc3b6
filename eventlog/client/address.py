"""The address of a queue: what a URL says, checked once.

    kafka://HOST:PORT[,HOST:PORT...][?librdkafka.setting=value&...]
    memory://NAME

Secrets do not belong in an address, which is logged: `sasl.password` and the like are refused here, and
are given as settings, which the composition root reads from the environment or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import attrs

from eventlog.client.errors import BadQueueAddressError

_FORMS = "use kafka://host:port[,host:port] or memory://name"
_SECRET_WORDS = ("password", "secret", "ssl.key.pem", "oauthbearer.config", "sasl.jaas")


def is_secret(setting: str) -> bool:
    """Whether the value of a librdkafka setting must never be shown."""
    return any(word in setting for word in _SECRET_WORDS)


@attrs.frozen
class KafkaAddress:
    """A cluster that speaks the Kafka protocol."""

    bootstrap_servers: str
    """`host:port`, several separated by commas."""
    settings: Mapping[str, str] = attrs.field(factory=dict)
    """Further librdkafka settings, as the URL's query names them; never a secret."""


@attrs.frozen
class MemoryAddress:
    """A log in this process, shared by everybody who opens the same name."""

    name: str


def parse_address(url: str) -> KafkaAddress | MemoryAddress:
    """What the URL means; BadQueueAddressError says in one line what is wrong with it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadQueueAddressError(f"that is not a queue's URL; {_FORMS}") from None
    if "@" in url:
        # The text before "@" may be a password: it is not repeated.
        raise BadQueueAddressError(f"a queue's URL holds no user or password; {_FORMS}")
    if parts.scheme not in {"kafka", "memory"}:
        raise BadQueueAddressError(f"{url.split('?', 1)[0]!r} is not a queue's URL; {_FORMS}")
    if parts.path.strip("/") or parts.fragment:
        raise BadQueueAddressError(f"{parts.scheme}://{parts.netloc}: nothing may follow it; {_FORMS}")
    if parts.scheme == "memory":
        if not parts.netloc or parts.query:
            raise BadQueueAddressError(f"memory:// takes a name and nothing else; {_FORMS}")
        return MemoryAddress(parts.netloc)
    servers = [_checked_server(server) for server in parts.netloc.split(",")]
    return KafkaAddress(",".join(servers), _checked_settings(parts.query))


def _checked_server(server: str) -> str:
    host, colon, port = server.rpartition(":")
    if not colon or not host.strip("[]"):
        raise BadQueueAddressError(f"{server!r} is not host:port; {_FORMS}")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadQueueAddressError(f"{server!r}: {port!r} is not a port from 1 to 65535; {_FORMS}")
    return server


def _checked_settings(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise BadQueueAddressError("after '?' a queue's URL has setting=value, joined by '&'") from None
    for setting, _ in pairs:
        if is_secret(setting):
            raise BadQueueAddressError(f"{setting} is a secret: set it by environment or file, not in a URL")
    return dict(pairs)
