"""The API over a full view: an hour of a series, a day of it in 300 points, all ten million entries of a GPU.

The view is written by the store itself; the API is a process of its own, asked over HTTP.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs

from bench.gputail_processes import GputailProcess, pipeline
from bench.http_client import Client, Timed
from bench.measured import Figure
from bench.servers import scratch_folder
from bench.views_fleet import METRICS, START_MS, FleetColumns
from ingest.projections import VERSIONS
from query.views.opening import open_writer

ENTRIES = 10_000_000
BATCH_S = 2_000
GROWTH_MIB_MAX = 32.0
FIRST_BYTE_MS_MAX = 200.0
HOUR_MS_P50_MAX = 15.0
HOUR_S = 3_600
DAY_MS_P50_MAX = 30.0
DAY_S = 24 * HOUR_S
POINTS = 300
QUERIES = 100
LOOK_S = 0.02
MIB = 2**20


def run() -> Iterator[Figure]:
    """Fill a view, then ask."""
    with scratch_folder() as folder:
        gpu_id = _fill(folder / "views")
        with pipeline(folder) as it:
            host, port = it.api()
            client = Client(host, port)
            path = f"/api/v1/gpus/{gpu_id}/telemetry"
            yield from _hours(client, path)
            yield from _days(client, f"/api/v1/gpus/{gpu_id}/series")
            yield from _stream(client, path, it.processes["api"])
            client.close()


def _fill(views: Path) -> str:
    """Ten million entries of one GPU; its id. One batch again and again, each time later."""
    fleet = FleetColumns(1, ticks_per_batch=BATCH_S)
    first = next(fleet.batches(1))
    writer = open_writer(f"sqlite:///{views.absolute()}", projections=VERSIONS, retention_ms=None)
    size, now_ms = len(first.samples), START_MS
    for number in range(ENTRIES // size):
        samples, (step,) = first.samples, first.steps
        now_ms += BATCH_S * 1000
        later = attrs.evolve(
            samples,
            observed_at_ms=samples.observed_at_ms + number * BATCH_S * 1000,
            offset=samples.offset + number * size,
        )
        moved = attrs.evolve(
            step,
            expected=number * size or None,
            next_offset=(number + 1) * size,
            high_watermark=(number + 1) * size,
            seen_at_ms=now_ms,
        )
        writer.apply(attrs.evolve(first, samples=later, steps=[moved]))
        writer.maintain(now_ms)
    while writer.maintain(now_ms):
        pass
    writer.close()
    return fleet.gpu_ids[0]


def _hours(client: Client, path: str) -> Iterator[Figure]:
    """An hour of one metric: 3,600 points."""
    metric = METRICS[3].name
    taken_ms = []
    for start_s in _starts():
        window = f"start_time={_time(start_s)}&end_time={_time(start_s + HOUR_S - 1, 999)}"
        answer = _warm(client, f"{path}?{window}&metric_name={metric}")
        found = len(answer.json()["items"])
        assert found == HOUR_S, f"{found} points in an hour"
        taken_ms.append(answer.whole_s * 1000)
    yield _p50("an hour of a series over HTTP", taken_ms, HOUR_MS_P50_MAX)


def _days(client: Client, path: str) -> Iterator[Figure]:
    """A day of one metric: 86,400 entries in 300 points, and in an hour each."""
    metric = METRICS[3].name
    for steps, count in ((f"points={POINTS}", POINTS), ("step=1h", DAY_S // HOUR_S + 1)):
        taken_ms = []
        for start_s in _starts():
            window = f"start_time={_time(start_s)}&end_time={_time(start_s + DAY_S - 1, 999)}"
            answer = _warm(client, f"{path}?{window}&metric_name={metric}&{steps}")
            [series] = answer.json()["series"]
            found = sum(point["count"] for point in series["points"])
            assert (found, len(series["points"])) == (DAY_S, count), f"{found} entries in a day"
            taken_ms.append(answer.whole_s * 1000)
        yield _p50(f"a day of a series over HTTP, {steps}", taken_ms, DAY_MS_P50_MAX)


def _starts() -> Iterator[int]:
    """Where windows begin, in seconds."""
    for number in range(QUERIES):
        yield START_MS // 1000 + 7_200 + number * 97


def _warm(client: Client, path: str) -> Timed:
    """The second answer: what it needs is in memory."""
    client.get(path)
    return client.get(path)


def _p50(name: str, taken_ms: Sequence[float], limit_ms: float) -> Figure:
    p99 = statistics.quantiles(taken_ms, n=100)[98]
    return Figure(f"{name}, p50", statistics.median(taken_ms), "ms", limit_ms, f"p99 {p99:.1f} ms")


def _stream(client: Client, path: str, api: GputailProcess) -> Iterator[Figure]:
    """All entries, as JSON and as NDJSON."""
    for accept in ("application/json", "application/x-ndjson"):
        before = api.resident_bytes()
        peak, is_over = before, threading.Event()

        def watch(over: threading.Event = is_over) -> None:
            nonlocal peak
            while not over.wait(LOOK_S):
                peak = max(peak, api.resident_bytes())

        watching = threading.Thread(target=watch)
        cpu_s = api.cpu_s()
        watching.start()
        answer = client.get(path, is_kept=False, accept=accept)
        is_over.set()
        watching.join()
        cpu_s = api.cpu_s() - cpu_s
        assert answer.status == 200
        name = f"{ENTRIES / 1e6:g} million entries, {accept.partition('/')[2].removeprefix('x-')}"
        each_us = cpu_s / ENTRIES * 1e6
        note = f"{answer.body_bytes / 1e9:.2f} GB in {answer.whole_s:.1f} s, {each_us:.2f} us CPU each"
        yield Figure(f"{name}: growth", (peak - before) / MIB, "MiB", GROWTH_MIB_MAX, note)
        yield Figure(f"{name}: first byte", answer.first_byte_s * 1000, "ms", FIRST_BYTE_MS_MAX)


def _time(seconds: int, ms: int = 0) -> str:
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
