"""The API over a fleet of 2,000 GPUs: one metric of all of them, the summary, the list; over HTTP.

The view is written by the store itself; the API is a process of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from bench.gputail_processes import GputailProcess, pipeline
from bench.http_client import Client
from bench.measured import Figure
from bench.servers import scratch_folder
from bench.views_fleet import METRICS, FleetColumns
from ingest.projections import VERSIONS
from query.views.opening import open_writer

GPUS = 2_000
TICKS = 10
QUERIES = 100
LATEST_MS_P50_MAX = 30.0


def run() -> Iterator[Figure]:
    """Fill a view, then ask."""
    with scratch_folder() as folder:
        fleet = FleetColumns(GPUS)
        views = (folder / "views").absolute()
        writer = open_writer(f"sqlite:///{views}", projections=VERSIONS, retention_ms=None)
        for changes in fleet.batches(TICKS * fleet.series_count):
            writer.apply(changes)
        writer.close()
        with pipeline(folder) as it:
            host, port = it.api()
            client = Client(host, port)
            latest = f"/api/v1/fleet/latest?metric_name={METRICS[0].name}"
            api = it.processes["api"]
            yield _asked(client, api, "newest value of a metric", latest, LATEST_MS_P50_MAX)
            yield _asked(client, api, "the GPUs", "/api/v1/gpus")
            yield _asked(client, api, "the summary", "/api/v1/fleet/summary?stale_after=52w")
            client.close()


def _asked(
    client: Client, api: GputailProcess, what: str, path: str, limit_ms: float | None = None
) -> Figure:
    """The time of an answer that has every GPU."""
    taken_ms = []
    client.get(path)
    cpu_s = api.cpu_s()
    for _ in range(QUERIES):
        answer = client.get(path)
        assert answer.status == 200
        taken_ms.append(answer.whole_s * 1000)
    cpu_ms = (api.cpu_s() - cpu_s) / QUERIES * 1000
    body = answer.json()
    found = len(body["items"]) if "items" in body else body["gpus"]
    assert found == GPUS, f"{found} GPUs"
    p50, p99 = statistics.median(taken_ms), statistics.quantiles(taken_ms, n=100)[98]
    note = f"p99 {p99:.1f} ms, {cpu_ms:.1f} ms CPU of the API, {answer.body_bytes / 1024:.0f} KiB"
    return Figure(f"{GPUS:,} GPUs: {what}, p50", p50, "ms", limit_ms, note)
