"""A port for a server that ends and comes back at it while other tests run."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress

BELOW_THE_SYSTEM = range(15_000, 30_000)
"""The system gives none of these to who asks for any: neither to a server of another test nor to a client."""
WORKERS_MAX = 16
"""As many test processes have ports of their own: one is chosen a moment before its server listens at it."""


def lasting_port() -> int:
    """One of 127.0.0.1 that nobody listens at, and nobody gets by chance while its server is away."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ours = BELOW_THE_SYSTEM[worker % WORKERS_MAX :: WORKERS_MAX]
    while True:
        port = random.SystemRandom().choice(ours)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
