"""Sources by name: what `--source` takes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from ingest.errors import SourceError
from ingest.sources.dcgm_csv import CsvSource
from ingest.sources.source import Source

SAMPLE_SOURCE: Final = "sample"
"""The file that comes with the package."""
SAMPLE_PATH: Final = Path(__file__).parents[1] / "samples" / "fleet-247.csv.gz"
"""Made by `gputail simulate --gpus 247 --seed 26 | gzip -9n`."""

_FLEET = re.compile(r"([0-9]{1,12})(?:@([0-9]{1,19}))?")


def open_source(name: str) -> Source:
    """The source of that name, to be opened with its `open()`.

    `csv:PATH` is a file, packed with gzip or not; `sim:GPUS` or `sim:GPUS@SEED` a simulated fleet; `sample`
    the file that comes with the package.

    Raises:
        SourceError: there is no such source; one line with examples.
    """
    kind, _, rest = name.partition(":")
    if name == SAMPLE_SOURCE:
        return CsvSource(SAMPLE_PATH)
    if kind == "csv" and rest:
        return CsvSource(Path(os.path.expanduser(rest)))  # a shell leaves the ~ in csv:~/a.csv alone
    if kind == "sim" and (match := _FLEET.fullmatch(rest)):
        # numpy comes with it, and who plays a file does without.
        from ingest.sources.simulator import DEFAULT_SEED, SimulatorSource  # noqa: PLC0415

        gpu_count, seed = match.groups()
        return SimulatorSource(int(gpu_count), DEFAULT_SEED if seed is None else int(seed))
    raise SourceError(
        f"there is no source {name!r}: name csv:PATH (csv:telemetry.csv), sim:GPUS (sim:64, or sim:64@SEED) "
        f"or {SAMPLE_SOURCE}"
    )
