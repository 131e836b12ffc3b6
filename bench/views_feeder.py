"""One collector's work on a view, as a process: `python -m bench.views_feeder URL SHARE GPUS ROWS`.

It makes its batches, says "ready", waits for a line, applies them with the background work in turn as a
collector does, and says what it took as a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time

from bench.measured import cpu_s
from bench.views_fleet import FleetColumns
from query.views.opening import open_writer

PROJECTIONS = {"bench": 1}
TICKS_PER_BATCH = 8


def main(url: str, share: int, gpu_count: int, row_count: int) -> None:
    """Apply the share's rows, and settle."""
    fleet = FleetColumns(gpu_count, ticks_per_batch=TICKS_PER_BATCH, share=share)
    batches = list(fleet.batches(row_count))
    writer = open_writer(url, projections=PROJECTIONS, retention_ms=None)
    print("ready", flush=True)
    sys.stdin.readline()
    started_s, started_cpu_s = time.monotonic(), cpu_s()
    for changes in batches:
        writer.apply(changes)
        writer.maintain(fleet.end_ms)
    applied_s = time.monotonic() - started_s
    while writer.maintain(fleet.end_ms):
        pass
    spent_s = cpu_s() - started_cpu_s
    rows = sum(len(changes.samples) for changes in batches)
    print(json.dumps({"rows": rows, "applied_s": applied_s, "cpu_s": spent_s}), flush=True)
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
