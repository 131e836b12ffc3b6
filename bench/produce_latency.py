"""Latency of an acknowledgement at a steady rate, against a loop that writes and flushes the same bytes.

The loop writes what is due and flushes it, on the same volume at the same rate; a record's latency runs
from its due time on both sides, until its flush is done or its acknowledgement has come. Batching adds the
producer's linger on top of our side, so the gates are on what is beyond it. Interleaved pairs, the broker
running throughout.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measured import Figure
from bench.programs import client, run_client
from bench.servers import Server, broker, scratch_folder

PAIRS = 5
RUN_S = 2.0
RATE = 5000
RECORD_BYTES = 200
LINGERS_MS = (5, 1)
RATIO_P50_MAX = 3.0
RATIO_P99_MAX = 4.0


def run() -> Iterator[Figure]:
    """Measure each linger; the gates are the ratios."""
    with scratch_folder() as folder, broker(folder / "log") as server:
        for linger_ms in LINGERS_MS:
            _ours(server, linger_ms)  # warms up
            pairs = [(_ours(server, linger_ms), _loop(folder)) for _ in range(PAIRS)]
            yield from _figures(linger_ms, pairs)


def _ours(server: Server, linger_ms: int) -> dict[str, Any]:
    settings = (f"linger.ms={linger_ms}", "acks=all", "enable.idempotence=false")
    program = client("produce_kafka", "rdkafka")
    return run_client(program, server.address, "bench", 1, RECORD_BYTES, RUN_S, RATE, *settings)


def _loop(folder: Path) -> dict[str, Any]:
    return run_client(client("flush_loop"), folder / "loop", RECORD_BYTES, RUN_S, RATE)


def _figures(linger_ms: int, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[Figure]:
    for name, limit in (("p50", RATIO_P50_MAX), ("p99", RATIO_P99_MAX)):
        key = f"{name}_ms"
        for side, reports in (
            ("acknowledged", [a for a, _ in pairs]),
            ("write and flush", [b for _, b in pairs]),
        ):
            yield Figure(
                f"linger {linger_ms} ms: {name}, {side}",
                statistics.median(report[key] for report in reports),
                "ms",
            )
        beyond = statistics.median((a[key] - linger_ms) / b[key] for a, b in pairs)
        yield Figure(
            f"linger {linger_ms} ms: {name} beyond the linger, ratio",
            max(beyond, 0.0),
            "",
            limit,
            f"{RATE} records/s of {RECORD_BYTES} B, {len(pairs)} pairs",
        )
