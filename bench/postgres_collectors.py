"""Two collectors that catch up a log, over views in PostgreSQL: events a second, and where the CPU goes.

Everything shares this machine: the broker, both collectors and the server with its settings as they come. An
event is one sample, as a row of a CSV is. The time runs from the first look at which something was applied.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from bench.gputail_processes import Pipeline, pipeline
from bench.measured import Figure
from bench.postgres_server import USER, cpu_s, postgres
from bench.rebuild import EVENTS, fill
from bench.servers import Server, scratch_folder
from query.views.errors import ViewUnavailableError
from query.views.opening import open_reader
from query.views.store import ViewReader

COLLECTORS = 2
LOOK_S = 0.05
US = 1e6


def run() -> Iterator[Figure]:
    """Fill a log, then have it applied."""
    with scratch_folder() as folder, pipeline(folder) as it, postgres() as server:
        it.views = f"postgresql://{USER}@{server.address}/postgres"
        servers = it.broker()
        fill(it, servers)
        yield _caught_up(it, server, servers)


def _caught_up(it: Pipeline, server: Server, servers: str) -> Figure:
    broker_s, server_s = it.processes["broker"].cpu_s(), cpu_s(server)
    names = [f"collector-{number}" for number in range(1, COLLECTORS + 1)]
    for name in names:
        it.start(name, "collect", "--bootstrap-servers", servers, "--views", it.views)
    with closing(open_reader(it.views)) as reader:
        while (first := _applied(reader)) == 0:
            time.sleep(LOOK_S)
        started_s = time.monotonic()
        while (applied := _applied(reader)) < EVENTS:
            time.sleep(LOOK_S)
        elapsed_s = time.monotonic() - started_s
    spent = {
        "broker": it.processes["broker"].cpu_s() - broker_s,
        "collectors": sum(it.processes[name].cpu_s() for name in names),
        "server": cpu_s(server) - server_s,
    }
    shares = ", ".join(f"{name} {spent_s / applied * US:.2f}" for name, spent_s in spent.items())
    rate = (applied - first) / elapsed_s
    note = f"{applied - first:,} events in {elapsed_s:.1f} s; CPU us/event: {shares}"
    return Figure(f"caught up by {COLLECTORS} collectors", rate, "events/s", note=note)


def _applied(reader: ViewReader) -> int:
    try:
        return sum(reader.as_of().values())
    except ViewUnavailableError:
        return 0
