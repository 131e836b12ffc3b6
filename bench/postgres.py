"""The PostgreSQL view store, against the SQLite one: rows in from two collectors, bytes, every query.

Two processes apply and maintain, each with partitions of its own, on one server with its settings as they
come; the rate is that of all rows until both have settled, so the compaction is in it. Then both stores are
given the same telemetry, and each question is put to them in turn: the gate is the median of the pairs' own
ratios of the time that passed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import attrs

from bench.measured import Figure, NotMeasuredError, median_ratio
from bench.postgres_server import USER, cpu_s, postgres, wal_bytes
from bench.servers import Server, scratch_folder
from bench.views_feeder import PROJECTIONS
from bench.views_fleet import METRICS, START_MS, TOPIC, TOPIC_ID, FleetColumns
from query.views.errors import BadViewsError
from query.views.opening import open_builds, open_reader, open_writer
from query.views.series import Grid
from query.views.store import ViewReader, ViewWriter, Window

FEEDERS = 2
FEEDER_GPUS = 1_000
FEEDER_ROWS = 20_000_000
"""Few more than pass through tails at once would say little of what is kept."""
FED_ROWS = FEEDERS * FEEDER_ROWS
ROWS_PER_S_MIN = 300_000
SAMPLE_BYTES_MAX = 8.0
RATIO_MAX = 3.0
GPUS = 100
HOURS = 2
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
STEPS = 300
PAIRS = 200
PAIRS_S_MAX = 4.0
"""A question that takes long is put less often."""
PAIRS_MIN = 15
WARM_UPS = 10


def run() -> Iterator[Figure]:
    """Fill, weigh, ask."""
    with postgres() as server:
        url = _url(server, "fed")
        try:
            builds = open_builds(url)
        except BadViewsError as error:
            raise NotMeasuredError(str(error)) from None
        with closing(builds):
            builds.listing()
            before = wal_bytes(server)
            yield from _fed(server, url)
            written = (wal_bytes(server) - before) / FED_ROWS
            [build] = builds.listing()
        note = f"WAL: {written:.1f} bytes/sample"
        yield Figure(
            "stored, with indexes", build.size_bytes / FED_ROWS, "bytes/sample", SAMPLE_BYTES_MAX, note
        )
        yield from _asked(server)


def _url(server: Server, schema: str) -> str:
    return f"postgresql://{USER}@{server.address}/postgres?schema={schema}"


# --- in ----------------------------------------------------------------------------------------------


def _fed(server: Server, url: str) -> Iterator[Figure]:
    feeders = [_feeder(url, share) for share in range(FEEDERS)]
    for feeder in feeders:
        assert feeder.stdout is not None
        assert feeder.stdout.readline() == "ready\n"
    started_s, started_cpu_s = time.monotonic(), cpu_s(server)
    reports = []
    for feeder in feeders:
        assert feeder.stdin is not None
        feeder.stdin.write("go\n")
        feeder.stdin.flush()
    for feeder in feeders:
        assert feeder.stdout is not None
        reports.append(json.loads(feeder.stdout.readline()))
    elapsed_s, server_cpu_s = time.monotonic() - started_s, cpu_s(server) - started_cpu_s
    for feeder in feeders:
        assert feeder.wait() == 0
    rows = sum(report["rows"] for report in reports)
    applied = sum(report["rows"] / report["applied_s"] for report in reports)
    spent_s = sum(report["cpu_s"] for report in reports)
    note = f"{applied:,.0f} before settling; CPU us/row: server {server_cpu_s / rows * 1e6:.2f}, "
    note += f"collectors {spent_s / rows * 1e6:.2f}"
    yield Figure(f"in, {FEEDERS} collectors", rows / elapsed_s, "rows/s", note=note, limit_min=ROWS_PER_S_MIN)


def _feeder(url: str, share: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.views_feeder", url, *map(str, (share, FEEDER_GPUS, FEEDER_ROWS))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# --- questions ---------------------------------------------------------------------------------------


@attrs.frozen
class _Side:
    """One of the stores, open."""

    writer: ViewWriter
    reader: ViewReader


def _asked(server: Server) -> Iterator[Figure]:
    with scratch_folder() as folder:
        urls = (_url(server, "asked"), f"sqlite:///{folder}/views")
        sides = []
        for url in urls:
            fleet = FleetColumns(GPUS, ticks_per_batch=8)
            writer = open_writer(url, projections=PROJECTIONS, retention_ms=None)
            for changes in fleet.batches(GPUS * len(METRICS) * HOURS * 3600):
                writer.apply(changes)
                writer.maintain(fleet.end_ms)
            while writer.maintain(fleet.end_ms):
                pass
            sides.append(_Side(writer, open_reader(url)))
            yield _stored(url, fleet)
        for name, question in _questions(fleet).items():
            yield _compared(name, question, *sides)
        for side in sides:
            side.reader.close()
            side.writer.close()


def _stored(url: str, fleet: FleetColumns) -> Figure:
    """What one collector's rows take; the same telemetry in both stores."""
    with closing(open_builds(url)) as builds:
        [build] = builds.listing()
    rows = fleet.tick * fleet.series_count
    name = f"stored in {url.partition(':')[0]}"
    return Figure(name, build.size_bytes / rows, "bytes/sample", SAMPLE_BYTES_MAX, f"{rows:,} samples")


def _compared(name: str, question: Callable[[_Side], object], one: _Side, other: _Side) -> Figure:
    """Both are asked in turn; which comes first alternates."""
    assert question(one) == question(other), f"{name}: the stores differ"
    for side in (one, other) * WARM_UPS:
        question(side)
    pairs: list[tuple[float, float]] = []
    started_s = time.perf_counter()
    while len(pairs) < PAIRS and (len(pairs) < PAIRS_MIN or time.perf_counter() - started_s < PAIRS_S_MAX):
        first, second = (one, other) if len(pairs) % 2 else (other, one)
        times = {id(first): _time_of(question, first), id(second): _time_of(question, second)}
        pairs.append((times[id(one)], times[id(other)]))
    medians = [statistics.median(side) * 1000 for side in zip(*pairs, strict=True)]
    note = f"{medians[0]:.2f} ms against {medians[1]:.2f} ms"
    return Figure(f"{name}: against SQLite", median_ratio(pairs), "times", RATIO_MAX, note)


def _time_of(question: Callable[[_Side], object], side: _Side) -> float:
    started_s = time.perf_counter()
    question(side)
    return time.perf_counter() - started_s


def _questions(fleet: FleetColumns) -> Mapping[str, Callable[[_Side], object]]:
    """Everything that the contract has readers and collectors ask."""
    gpu_id, metric, end_ms = fleet.gpu_ids[37], METRICS[3].name, fleet.end_ms

    def entries(window: Window, *names: str) -> Callable[[_Side], object]:
        return lambda side: sum(map(len, side.reader.entries(gpu_id, window, names)))

    def series(start_ms: int) -> Callable[[_Side], object]:
        grid = Grid.shared_out(start_ms, end_ms - 1, STEPS)
        return lambda side: sum(len(part[0].steps) for part in side.reader.series(gpu_id, [metric], grid))

    def state(side: _Side) -> object:
        return sorted(side.writer.partition_states(TOPIC, TOPIC_ID))

    return {
        "checkpoints": lambda side: side.reader.as_of(),
        "status": lambda side: len(side.reader.status().checkpoints),
        "builds beside": lambda side: side.reader.beside(),
        "states of partitions": state,
        "a GPU": lambda side: side.reader.gpu(gpu_id),
        "GPUs": lambda side: side.reader.gpus(),
        "GPUs, a page": lambda side: side.reader.gpus(after_id=gpu_id, limit=20),
        "latest of a GPU": lambda side: side.reader.latest_of_gpu(gpu_id),
        "latest of a metric": lambda side: side.reader.latest_of_metric(metric),
        "metrics": lambda side: side.reader.metrics(),
        "entries, 10 minutes of a series": entries(Window(end_ms - 10 * MINUTE_MS), metric),
        "entries, an hour of a series": entries(Window(end_ms - HOUR_MS, end_ms - 1), metric),
        "entries, 10 minutes of a GPU": entries(Window(START_MS, START_MS + 10 * MINUTE_MS)),
        "entries, all of a GPU": entries(Window()),
        "log slice, at the end": lambda side: side.reader.log_slice(gpu_id, side.reader.as_of()).has_more,
        "log slice, at the start": lambda side: side.reader.log_slice(gpu_id, {}, limit=100).next_offsets,
        "series, an hour": series(end_ms - HOUR_MS),
        "series, all": series(START_MS),
    }
