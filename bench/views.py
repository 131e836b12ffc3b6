"""The SQLite view store alone: rows in, bytes a sample, an hour and a day of a series, latest values.

Rates are rows for a second of CPU time, user and system, of `apply` and `maintain`, called in turn as by a
collector; making the columns is not counted. A store is measured again as it grows. Of a query the gate is
the median of its CPU time, and the time that passed is told beside it.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs

from bench.measured import Figure, cpu_s
from bench.servers import scratch_folder
from bench.views_fleet import METRICS, START_MS, TICK_MS, FleetColumns
from query.views.opening import open_reader, open_writer
from query.views.series import Grid
from query.views.store import ViewReader, ViewWriter, Window

ROWS_PER_CPU_S_MIN = 800_000
SAMPLE_BYTES_MAX = 8.0
HOUR_MS_MAX = 5.0
DAY_MS_MAX = 30.0
LATEST_MS_MAX = 50.0
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAY_STEPS = 300
HOUR_QUERIES = 300
DAY_QUERIES = 50
LATEST_QUERIES = 20
MILLION = 1_000_000
PROJECTIONS = {"bench": 1}


@attrs.frozen
class Plan:
    """One store, and the sizes at which it is measured."""

    gpu_count: int
    ticks_per_batch: int
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.gpu_count:,} GPUs x {len(METRICS)}"


PLANS = (
    Plan(2_000, 1, (10 * MILLION,)),
    Plan(247, 8, (10 * MILLION,)),
    # Few enough series that each has its hour from the first size on.
    Plan(25, 80, (1 * MILLION, 10 * MILLION, 50 * MILLION)),
)


def run() -> Iterator[Figure]:
    """Measure the stores; each figure that the store promises is a gate."""
    for plan in PLANS:
        with scratch_folder() as folder:
            yield from _measure(plan, folder)


def _measure(plan: Plan, folder: Path) -> Iterator[Figure]:
    url = f"sqlite:///{folder}/views"
    fleet = FleetColumns(plan.gpu_count, ticks_per_batch=plan.ticks_per_batch)
    writer = open_writer(url, projections=PROJECTIONS, retention_ms=None)
    reader = open_reader(url)
    row_count = 0
    for size in plan.sizes:
        name = f"{plan.name}, {size // MILLION} million"
        added, spent_s, wall_s = _grow(writer, fleet, size - row_count)
        row_count += added
        note = f"{added / wall_s / 1e6:.2f} million a second of time"
        yield Figure(f"{name}: in", added / spent_s, "rows/CPU s", note=note, limit_min=ROWS_PER_CPU_S_MIN)
        stored_bytes = sum(path.stat().st_size for path in (folder / "views").rglob("*.sqlite"))
        yield Figure(f"{name}: stored", stored_bytes / row_count, "bytes/sample", SAMPLE_BYTES_MAX)
        if fleet.end_ms - START_MS >= HOUR_MS:
            hour = _hours(reader, fleet)
            yield Figure(f"{name}: an hour of a series", hour.cpu_ms, "ms CPU", HOUR_MS_MAX, hour.note)
        if fleet.end_ms - START_MS >= DAY_MS:
            day = _days(reader, fleet)
            yield Figure(f"{name}: a day in {DAY_STEPS} steps", day.cpu_ms, "ms CPU", DAY_MS_MAX, day.note)
        latest, count = _latest(reader)
        yield Figure(f"{name}: {count:,} latest values", latest.cpu_ms, "ms CPU", LATEST_MS_MAX, latest.note)
    reader.close()
    writer.close()


def _grow(writer: ViewWriter, fleet: FleetColumns, row_count: int) -> tuple[int, float, float]:
    """Apply so many rows and settle; how many it were, CPU seconds and seconds."""
    added, spent_s, wall_s = 0, 0.0, 0.0
    for changes in fleet.batches(row_count):
        started_cpu_s, started_s = cpu_s(), time.perf_counter()
        writer.apply(changes)
        writer.maintain(fleet.end_ms)
        spent_s += cpu_s() - started_cpu_s
        wall_s += time.perf_counter() - started_s
        added += len(changes.samples)
    started_cpu_s, started_s = cpu_s(), time.perf_counter()
    while writer.maintain(fleet.end_ms):
        pass
    return added, spent_s + cpu_s() - started_cpu_s, wall_s + time.perf_counter() - started_s


@attrs.frozen
class _Taken:
    """How long a query takes: the median of its CPU time, and what passed meanwhile."""

    cpu_ms: float
    note: str

    @classmethod
    def by(cls, asks: Iterable[Callable[[], object]]) -> _Taken:
        """Each is asked twice; the second time counts: what it needs is in memory."""
        cpu_ms, wall_ms = [], []
        for ask in asks:
            ask()
            started_cpu_s, started_s = time.thread_time(), time.perf_counter()
            ask()
            cpu_ms.append(1000 * (time.thread_time() - started_cpu_s))
            wall_ms.append(1000 * (time.perf_counter() - started_s))
        cuts = statistics.quantiles(wall_ms, n=100)
        return cls(statistics.median(cpu_ms), f"time: p50 {cuts[49]:.2f}, p99 {cuts[98]:.2f} ms")


def _hours(reader: ViewReader, fleet: FleetColumns) -> _Taken:
    """One hour of one series, anywhere."""
    draw = random.Random(1)

    def hour() -> Callable[[], None]:
        gpu_id, metric = draw.choice(fleet.gpu_ids), draw.choice(METRICS)
        start_ms = draw.randint(START_MS, fleet.end_ms - HOUR_MS) // TICK_MS * TICK_MS
        window = Window(start_ms, start_ms + HOUR_MS - 1)

        def ask() -> None:
            count = sum(len(one) for one in reader.entries(gpu_id, window, [metric.name]))
            assert abs(count - HOUR_MS // TICK_MS) <= 1, f"{count} points in an hour"

        return ask

    return _Taken.by(hour() for _ in range(HOUR_QUERIES))


def _days(reader: ViewReader, fleet: FleetColumns) -> _Taken:
    """One day of one series in 300 steps, anywhere."""
    draw = random.Random(1)

    def day() -> Callable[[], None]:
        gpu_id, metric = draw.choice(fleet.gpu_ids), draw.choice(METRICS)
        start_ms = draw.randint(START_MS, fleet.end_ms - DAY_MS) // TICK_MS * TICK_MS
        grid = Grid.shared_out(start_ms, start_ms + DAY_MS - 1, DAY_STEPS)

        def ask() -> None:
            slices = [one for (one,) in reader.series(gpu_id, [metric.name], grid)]
            count = sum(step.value_count for one in slices for step in one.steps)
            assert abs(count - DAY_MS // TICK_MS) <= 1, f"{count} entries in a day"

        return ask

    return _Taken.by(day() for _ in range(DAY_QUERIES))


def _latest(reader: ViewReader) -> tuple[_Taken, int]:
    """The latest values of all series, and how many there are."""

    def ask() -> int:
        return sum(len(reader.latest_of_metric(metric.name)) for metric in METRICS)

    return _Taken.by(ask for _ in range(LATEST_QUERIES)), ask()
