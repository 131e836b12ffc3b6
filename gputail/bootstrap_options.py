"""Where the broker is: the option of every process that is its client."""

from __future__ import annotations

from typing import Annotated

import attrs
from cyclopts import Parameter

DEFAULT_SERVERS = "127.0.0.1:9092"


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


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class BootstrapOptions:
    """The docstring is the help."""

    bootstrap_servers: Annotated[str, Parameter(validator=_check)] = DEFAULT_SERVERS
    """HOST:PORT of the broker; several are separated by commas."""

    @property
    def url(self) -> str:
        """The queue's address."""
        return f"kafka://{self.bootstrap_servers}"
