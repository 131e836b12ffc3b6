"""A process that serves a long listing, and tells how much memory it takes when asked for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.query.api.readers import LongReader
from tests.query.api.serving import serving_in_a_thread


def memory_bytes() -> dict[str, int]:
    """What the kernel says of this process: now, and at most so far."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "rss_bytes": int(fields["VmRSS"].split()[0]) * 1024,
        "peak_bytes": int(fields["VmHWM"].split()[0]) * 1024,
    }


def main() -> None:
    """Serve until stdin ends."""
    with serving_in_a_thread(LongReader(int(sys.argv[1]))) as url:
        print(json.dumps({"url": url}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(memory_bytes()), flush=True)


if __name__ == "__main__":
    main()
