"""`python -m gputail` is `gputail`. An interrupt counts as one also while the command is being loaded."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def run() -> int:
    """The whole command; its exit code."""
    try:
        from gputail.cli import main

        return main()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(run())
