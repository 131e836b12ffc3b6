"""A port for a server that ends and comes back at it while other tests run."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

BELOW_THE_SYSTEM = range(15_000, 30_000)
"""The system gives none of these to who asks for any: neither to a server of another test nor to a client."""


def lasting_port() -> int:
    """One of 127.0.0.1 that nobody listens at, and nobody gets by chance while its server is away."""
    while True:
        port = random.SystemRandom().choice(BELOW_THE_SYSTEM)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
