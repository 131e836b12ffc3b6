"""HOST:PORT, as options have it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import attrs
from cyclopts import Parameter, Token

_HOST = re.compile(
    r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[\w.-]+)?|[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII
)


@attrs.frozen
class Endpoint:
    """A host and a TCP port. The host is a name or an address; IPv6 addresses stand in brackets in text."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; a name other than `localhost` counts as no."""
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of the machine, and so is none to connect to."""
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_unspecified
        except ValueError:
            return False

    @classmethod
    def parse(cls, text: str, *, port_min: int = 0) -> Endpoint:
        """`127.0.0.1:9092`, `[::1]:9092`, `name:9092`; port 0 is any free one. ValueError in one line."""
        host, colon, port = text.rpartition(":")
        is_bracketed = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if is_bracketed else host
        if not colon or not _HOST.fullmatch(host):
            raise ValueError(f"{text!r} is not HOST:PORT")
        if (":" in host) != is_bracketed:
            raise ValueError(f"{text!r} is not HOST:PORT; an IPv6 address stands in brackets: [::1]:9092")
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and port_min <= int(port) <= 65535):
            raise ValueError(f"{text!r} is not HOST:PORT: a port from {port_min} to 65535 is wanted")
        return cls(host, int(port))


def _to_listen(_: type, tokens: Sequence[Token]) -> Endpoint:
    return Endpoint.parse(tokens[0].value)


def _to_connect(_: type, tokens: Sequence[Token]) -> Endpoint:
    endpoint = Endpoint.parse(tokens[0].value, port_min=1)
    if endpoint.is_wildcard:
        raise ValueError(f"{endpoint} is every address of a machine, and none to connect to")
    return endpoint


EndpointOption: TypeAlias = Annotated[
    Endpoint, Parameter(converter=_to_listen, n_tokens=1, accepts_keys=False)
]
"""An option that names an address to listen on; port 0 is any free one."""

ConnectEndpointOption: TypeAlias = Annotated[
    Endpoint, Parameter(converter=_to_connect, n_tokens=1, accepts_keys=False)
]
"""An option that names an address to connect to."""
