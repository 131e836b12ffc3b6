"""Each test with a `pipeline` runs over both views; the log is in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.collecting.running import Pipeline, TelemetryInMemory, memory_views


@pytest.fixture(params=["memory", "sqlite"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Pipeline:
    views = memory_views() if request.param == "memory" else f"sqlite:///{tmp_path}/views"
    return Pipeline(TelemetryInMemory(), views)
