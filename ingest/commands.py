"""`gputail simulate`: a simulated fleet's telemetry as a CSV file, to play with `--source csv:PATH`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

simulate_app = App(name="simulate", help="Write the telemetry of a simulated fleet as CSV.")

# As the simulator's own bounds, which are not imported for --help; a test holds them equal.
_Gpus = Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))]
_Passes = Annotated[int, Parameter(validator=Number(gte=1))]
_Seed = Annotated[int, Parameter(validator=Number(gte=0, lte=2**63 - 1))]


@simulate_app.default
def simulate(*, gpus: _Gpus, passes: _Passes = 1, seed: _Seed = 1) -> int:
    """Write the telemetry of a simulated fleet to stdout, in the CSV format of dcgm-exporter's dumps.

    The same fleet gives the same bytes: its timestamps count seconds from the start of 2025.

    Args:
        gpus: How many GPUs the fleet has; hosts have 8.
        passes: How many times each of them is read.
        seed: Which fleet; another seed gives another one.
    """
    from datetime import UTC, datetime, timedelta

    from ingest.sources.csv_writer import HEADER, csv_lines
    from ingest.sources.simulator import SimulatorSource

    source = SimulatorSource(gpus, seed)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    sys.stdout.write(HEADER)
    for pass_number in range(1, passes + 1):
        at = start + timedelta(seconds=pass_number - 1)
        sys.stdout.writelines(csv_lines(source.samples(pass_number), at))
    return 0
