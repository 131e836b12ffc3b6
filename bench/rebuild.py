"""A view made anew from the log, one event a CSV row: CPU for each event, and rate; idle, and under new data.

The CPU time is that of the broker and of `gputail replay`, from its start to its end: Python's own start,
the compaction and the swap are in it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import attrs

from bench.gputail_processes import Pipeline, pipeline
from bench.http_client import Client
from bench.measured import Figure
from bench.servers import scratch_folder

EVENTS = int(os.environ.get("BENCH_REBUILD_EVENTS", "4000000"))
"""Fewer serve those who tune; it is not the gate."""
CPU_US_MAX = 5.0
RATE_MIN = 200_000
LIVE_RATE = 20_000
"""Events that come in each second of the second replay."""
LOOK_S = 0.1
US = 1e6


@attrs.frozen
class Replayed:
    """One replay."""

    records: int
    laps: int
    elapsed_s: float
    """Of the replay itself."""
    replay_cpu_s: float
    broker_cpu_s: float


def run() -> Iterator[Figure]:
    """Fill a log, make its view, make it anew while nothing else runs, and while new data comes in."""
    with scratch_folder() as folder, pipeline(folder) as it:
        servers = it.broker()
        fill(it, servers)
        idle = _replay(it, servers)
        yield from _figures("alone", idle, RATE_MIN)
        _follow(it, servers)
        yield from _figures(f"with {LIVE_RATE:,} events/s coming in", _replay(it, servers), RATE_MIN / 2)


def _figures(name: str, found: Replayed, rate_min: float) -> Iterator[Figure]:
    cpu_s = found.replay_cpu_s + found.broker_cpu_s
    shares = ", ".join(
        f"{each} {spent_s / found.records * US:.2f}"
        for each, spent_s in (("replay", found.replay_cpu_s), ("broker", found.broker_cpu_s))
    )
    is_alone = rate_min == RATE_MIN
    limit = CPU_US_MAX if is_alone else None  # else the broker has others to serve
    yield Figure(f"{name}: CPU", cpu_s / found.records * US, "us/event", limit, shares)
    note = f"{found.records:,} records in {found.elapsed_s:.1f} s, laps {found.laps}"
    yield Figure(f"{name}: rate", found.records / found.elapsed_s, "events/s", note=note, limit_min=rate_min)


def fill(it: Pipeline, servers: str) -> None:
    """Publish so many events."""
    streamer = it.start(
        "streamer", "stream", "--bootstrap-servers", servers, "--source", "sample", "--interval", "0"
    )
    streamer.ready()
    while _published(it, servers) < EVENTS:
        time.sleep(LOOK_S)
    streamer.process.terminate()
    streamer.process.wait()
    del it.processes["streamer"]


def _published(it: Pipeline, servers: str) -> int:
    """Records that the log has."""
    plan = _gputail("replay", "--bootstrap-servers", servers, "--views", it.views, "--dry-run", "--json")
    return int(json.loads(plan)["record_count"]) if plan else 0


def _follow(it: Pipeline, servers: str) -> None:
    """A collector and a streamer that go on, and a view that has caught up."""
    host, port = it.api()
    it.start("collector", "collect", "--bootstrap-servers", servers, "--views", it.views).ready()
    pace = ["--interval", "0", "--rate", str(LIVE_RATE)]
    it.start("streamer", "stream", "--bootstrap-servers", servers, "--source", "sample", *pace).ready()
    client = Client(host, port)
    while client.get("/api/v1/pipeline").json()["lag_records"] > LIVE_RATE:
        time.sleep(LOOK_S)
    client.close()


def _replay(it: Pipeline, servers: str) -> Replayed:
    broker_s = it.processes["broker"].cpu_s()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(_gputail("replay", "--bootstrap-servers", servers, "--views", it.views, "--json"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    broker_spent_s = it.processes["broker"].cpu_s() - broker_s
    return Replayed(report["records"], report["laps"], report["elapsed_s"], spent_s, broker_spent_s)


def _gputail(*arguments: str) -> str:
    """What a command prints; nothing where it fails."""
    environment = {each: value for each, value in os.environ.items() if not each.startswith("GPUTAIL_")}
    done = subprocess.run(
        [sys.executable, "-m", "gputail", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        check=False,
        text=True,
    )
    return done.stdout
