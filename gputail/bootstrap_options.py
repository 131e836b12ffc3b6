"""Where the broker is, and when it gives a silent client up: for every process that is its client."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Parameter

DEFAULT_SERVERS = "127.0.0.1:9092"
SESSION_S = 10.0
SESSION_S_MIN = 6.0
"""Brokers take no shorter one."""
SESSION_S_MAX = 300.0


def _check(_: object, text: str) -> None:
    from eventlog.client.address import parse_address
    from eventlog.client.errors import BadQueueAddressError

    try:
        if "/" in text or "?" in text:
            raise BadQueueAddressError(text)
        parse_address(f"kafka://{text}")
    except BadQueueAddressError:
        raise ValueError(
            f"host:port is wanted, several separated by commas, as in {DEFAULT_SERVERS}"
        ) from None


def _check_session(_: object, seconds: float) -> None:
    if not SESSION_S_MIN <= seconds <= SESSION_S_MAX:  # which no NaN is
        raise ValueError(f"--session-s: seconds from {SESSION_S_MIN:g} to {SESSION_S_MAX:g} are wanted")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class BootstrapOptions:
    """The docstring is the help."""

    bootstrap_servers: Annotated[str, Parameter(validator=_check)] = DEFAULT_SERVERS
    """HOST:PORT of the broker; several are separated by commas."""
    session_s: Annotated[float, Parameter(validator=_check_session)] = SESSION_S
    """Seconds without a sign of life after which others get this process's partitions."""

    @property
    def url(self) -> str:
        """The queue's address."""
        return f"kafka://{self.bootstrap_servers}"

    @property
    def settings(self) -> dict[str, int]:
        """What a member of a group tells the broker."""
        return {"session.timeout.ms": round(self.session_s * 1000)}
