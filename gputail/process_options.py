"""The options that every long-running process has: who it is, and what it tells of itself."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import attrs
from cyclopts import Parameter

from gputail.endpoint import Endpoint, EndpointOption
from gputail.logs import LogFormat, LogLevel

ADMIN_LISTEN = Endpoint("127.0.0.1", 9644)
NAME_CHARS_MAX = 255


def _check_name(_: object, text: str | None) -> None:
    if text is not None and not (text.isprintable() and text.strip() and len(text) <= NAME_CHARS_MAX):
        raise ValueError(f"a printable name of up to {NAME_CHARS_MAX} characters is wanted")


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class ProcessOptions:
    """One process's options; the docstrings are the help."""

    admin_listen: EndpointOption = ADMIN_LISTEN
    """HOST:PORT for health and metrics; port 0 is any free one."""
    instance_id: Annotated[str | None, Parameter(validator=_check_name)] = None
    """The name of this process in its logs and metrics; by default <hostname>-<pid>."""
    log_level: LogLevel = "info"
    """Lines below this level are left out."""
    log_format: LogFormat = "auto"
    """JSON lines, or coloured ones for people; auto: coloured on a terminal, else JSON."""

    @property
    def name(self) -> str:
        """The instance id, as given or by default."""
        return self.instance_id or f"{socket.gethostname()}-{os.getpid()}"
