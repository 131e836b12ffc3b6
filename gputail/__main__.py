"""`python -m gputail` is `gputail`. An interrupt counts as one also while the command is being loaded.

SIGTERM does nothing to the first process of a container unless that process says what it should do. It ends
it here, so that a container can be stopped while its command is being loaded, and whichever command it runs.
"""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130
TERMINATED = 128 + signal.SIGTERM


def run() -> int:
    """The whole command; its exit code."""
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _end)
    try:
        from gputail.cli import main

        return main()
    except KeyboardInterrupt:
        return INTERRUPTED


def _end(*_: object) -> None:
    sys.exit(TERMINATED)


if __name__ == "__main__":
    sys.exit(run())
