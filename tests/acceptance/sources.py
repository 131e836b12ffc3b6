"""The inputs of the acceptance tests: the sample that ships, and the real file where there is one."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import attrs

from ingest.sources.opening import SAMPLE_PATH
from tests.documents import ROOT

GPU_COUNT = 247
ROW_COUNT = 2_470
"""Of both: ten metrics of each GPU."""


@attrs.frozen
class Input:
    """A file that `gputail stream` reads."""

    source: str
    """As `--source` has it."""
    path: Path

    def rows(self) -> list[dict[str, str]]:
        """Its rows, by column."""
        is_packed = self.path.suffix == ".gz"
        with gzip.open(self.path, "rt") if is_packed else self.path.open(encoding="utf-8") as file:
            return list(csv.DictReader(file))


def _inputs() -> dict[str, Input]:
    named = os.environ.get("GPUTAIL_REAL_CSV")
    beside = sorted((ROOT.parent / "shared" / "data").glob("*.csv"))
    real = [Path(named)] if named else beside[:1]
    return {"sample": Input("sample", SAMPLE_PATH)} | {"real": Input(f"csv:{path}", path) for path in real}  # noqa: B035  # at most one


INPUTS = _inputs()
