"""What a peer may get wrong on the wire; every message is one line for the log."""

from __future__ import annotations

from eventlog.errors import EventLogError


class ProtocolError(EventLogError):
    """The bytes are not what the protocol allows here: close the connection."""


class UnsupportedVersionError(ProtocolError):
    """The request is of an API, or a version of one, that is not offered: close the connection."""
