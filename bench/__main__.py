"""`python -m bench [--strict] [NAME …]`: run the benchmarks, print their figures.

The exit code is 1 where a gate is missed. A benchmark that needs programs which are not installed
says so and counts as not measured; with --strict that is a failure too.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable

from bench import (
    api_answers,
    api_fleet,
    append_cost,
    broker_memory,
    pipeline,
    postgres,
    postgres_collectors,
    produce_latency,
    produce_rate,
    rebuild,
    recovery_time,
    replay_rate,
    start_time,
    streamer_cost,
    views,
)
from bench.measured import Figure, NotMeasuredError

BENCHMARKS: dict[str, Callable[[], Iterable[Figure]]] = {
    "append": append_cost.run,
    "recovery": recovery_time.run,
    "start": start_time.run,
    "memory": broker_memory.run,
    "latency": produce_latency.run,
    "replay": replay_rate.run,
    "produce": produce_rate.run,
    "views": views.run,
    "postgres": postgres.run,
    "collectors": postgres_collectors.run,
    "api": api_answers.run,
    "fleet": api_fleet.run,
    "pipeline": pipeline.run,
    "rebuild": rebuild.run,
    "streamer": streamer_cost.run,
}


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all."""
    is_strict = "--strict" in arguments
    names = [argument for argument in arguments if argument != "--strict"]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"bench: no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores")
    failed = False
    for name in names or BENCHMARKS:
        print(name, flush=True)
        try:
            for figure in BENCHMARKS[name]():
                print(figure.line(), flush=True)
                failed |= not figure.holds
        except NotMeasuredError as error:
            print(f"  not measured: {error}", flush=True)
            failed |= is_strict
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
