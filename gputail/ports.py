"""Ports to listen on, chosen before whoever listens on them is started.

The choice is made by binding and letting go, so somebody else may take the port meanwhile; whoever is told
to listen on it then finds out, and the choice is made again.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

import attrs

from gputail.endpoint import Endpoint

TRIES: Final = 200


def is_free(endpoint: Endpoint) -> bool:
    """Whether it can be listened on now; OSError with the address where it is none of this machine's."""
    try:
        _bound(endpoint).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def choose(requested: Endpoint | None, default: Endpoint) -> Endpoint:
    """The requested endpoint, or else the default one or the next whose port is free; never port 0.

    Raises:
        OSError: the requested one is taken, or no port is free.
    """
    if requested is not None:
        if requested.port == 0:
            return _any(requested)
        if not is_free(requested):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(requested))
        return requested
    for port in range(default.port, min(default.port + TRIES, 65536)):
        endpoint = attrs.evolve(default, port=port)
        if is_free(endpoint):
            return endpoint
    raise OSError(errno.EADDRINUSE, f"no port from here to {port} is free", str(default))


def _any(endpoint: Endpoint) -> Endpoint:
    """The same with a port of the system's choice, so that whoever listens may come back to it."""
    with _bound(endpoint) as probe:
        return attrs.evolve(endpoint, port=probe.getsockname()[1])


def _bound(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((endpoint.host, endpoint.port))
    except OSError as error:
        probe.close()
        number = error.errno or 0
        text = os.strerror(number) if number > 0 else error.strerror  # a name that has no address: below 0
        raise OSError(number, text, str(endpoint)) from error
    return probe
