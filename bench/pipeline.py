"""The whole pipeline on this machine, one event a CSV row: CPU for each event, rate, and time to be visible.

Every part is a process of its own; the CPU time is that of all of them: broker, streamer, collector, API. An
event counts when the view has applied it.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from datetime import datetime

import attrs

from bench.gputail_processes import Pipeline, pipeline
from bench.http_client import Client
from bench.measured import Figure
from bench.servers import scratch_folder

RATE_MIN = 100_000
CPU_US_MAX = 10.0
VISIBLE_MS_P99_MAX = 1_000.0
VISIBLE_RATE = 20_000
RATE_REACHED = 0.99
SECONDS = float(os.environ.get("BENCH_PIPELINE_S", "60"))
"""A shorter time serves those who tune; it is not the gate."""
WARM_S = 5.0
LOOK_S = 0.01
LAG_S_MAX = 2.0
"""At the end of a sustained rate no more than what comes in so much time may wait."""
US = 1e6


@attrs.frozen
class Moment:
    """What had happened at some time."""

    at_s: float
    applied: int
    lag_records: int
    cpu_s: dict[str, float]


def run() -> Iterator[Figure]:
    """Sustain the rate that is promised, then whatever is possible, then look how fresh the view is."""
    yield from _sustained(RATE_MIN, f"{RATE_MIN:,} a second")
    yield from _sustained(None, "as fast as it goes")
    yield from _visible()


def _sustained(rate: int | None, name: str) -> Iterator[Figure]:
    with scratch_folder() as folder, pipeline(folder) as it:
        client = _started(it, rate)
        first, last = _measured(it, client, SECONDS)
        client.close()
    events, elapsed_s = last.applied - first.applied, last.at_s - first.at_s
    spent_s = {each: last.cpu_s[each] - first.cpu_s[each] for each in last.cpu_s}
    reached = events / elapsed_s
    shares = ", ".join(f"{each} {spent / events * US:.2f}" for each, spent in spent_s.items())
    total_us = sum(spent_s.values()) / events * US
    gate = CPU_US_MAX if rate else None
    yield Figure(f"{name}: CPU of all processes", total_us, "us/event", gate, shares)
    floor = RATE_REACHED * rate if rate else None
    yield Figure(f"{name}: applied", reached, "events/s", note=f"for {elapsed_s:.0f} s", limit_min=floor)
    if rate:
        yield Figure(f"{name}: lag at the end", last.lag_records, "records", LAG_S_MAX * rate)


def _started(it: Pipeline, rate: int | None) -> Client:
    """A streamer at that rate, a collector, an API and their broker, warmed up."""
    servers = it.broker()
    host, port = it.api()
    it.start("collector", "collect", "--bootstrap-servers", servers, "--views", it.views).ready()
    pace = ["--interval", "0", *(["--rate", str(rate)] if rate else [])]
    it.start("streamer", "stream", "--bootstrap-servers", servers, "--source", "sample", *pace).ready()
    client = Client(host, port)
    while _pipeline(client) is None:
        time.sleep(LOOK_S)
    time.sleep(WARM_S)
    return client


def _measured(it: Pipeline, client: Client, seconds: float) -> tuple[Moment, Moment]:
    first = _moment(it, client)
    time.sleep(seconds)
    return first, _moment(it, client)


def _moment(it: Pipeline, client: Client) -> Moment:
    found = _pipeline(client)
    assert found is not None, "the view is there"
    applied, lag = found
    return Moment(time.perf_counter(), applied, lag, dict(it.cpu_s()))


def _pipeline(client: Client) -> tuple[int, int] | None:
    """Records applied, and records that wait; None before there is a view."""
    answer = client.get("/api/v1/pipeline")
    if answer.status != 200:
        return None
    told = answer.json()
    return sum(each["checkpoint"] for each in told["partitions"]), int(told["lag_records"])


def _visible() -> Iterator[Figure]:
    """From processing to the first answer of the API that has an entry, for every entry of one GPU."""
    with scratch_folder() as folder, pipeline(folder) as it:
        client = _started(it, VISIBLE_RATE)
        gpu_id = client.get("/api/v1/gpus?limit=1").json()["items"][0]["id"]
        ages_ms = _ages_ms(client, f"/api/v1/gpus/{gpu_id}/telemetry", min(SECONDS, 30.0))
        client.close()
    ages_ms.sort()
    p50, p99 = ages_ms[len(ages_ms) // 2], ages_ms[math.ceil(0.99 * len(ages_ms)) - 1]
    note = f"p50 {p50:.0f} ms, max {ages_ms[-1]:.0f} ms, {len(ages_ms):,} entries"
    yield Figure(f"visible at {VISIBLE_RATE:,} events/s, p99", p99, "ms", VISIBLE_MS_P99_MAX, note)


def _ages_ms(client: Client, path: str, seconds: float) -> list[float]:
    """The age of each entry when it was first seen; asked for as often as the API answers."""
    newest = client.get(path).json()["items"][-1]["observed_at"]
    seen: set[tuple[int, int]] = set()
    ages_ms: list[float] = []
    end_s, is_first = time.perf_counter() + seconds, True
    while time.perf_counter() < end_s:
        items = client.get(f"{path}?start_time={newest}").json()["items"]
        now_ms = time.time() * 1000
        for item in items:
            place = (item["position"]["partition"], item["position"]["offset"])
            if place not in seen:
                seen.add(place)
                if not is_first:
                    ages_ms.append(now_ms - datetime.fromisoformat(item["observed_at"]).timestamp() * 1000)
        is_first = False
        newest = items[-1]["observed_at"]
        time.sleep(LOOK_S)
    return ages_ms
