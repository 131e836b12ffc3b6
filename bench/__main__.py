"""`python -m bench [NAME …]`: run the benchmarks, print their figures, exit 1 where a gate is missed."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable

from bench import append_cost, recovery_time
from bench.measured import Figure

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "append": append_cost.run,
    "recovery": recovery_time.run,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"bench: no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}\n")
        return 2
    print(f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}")
    missed = 0
    for name in names or BENCHMARKS:
        print(name)
        for figure in BENCHMARKS[name]():
            print(figure.line(), flush=True)
            missed += not figure.holds
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
