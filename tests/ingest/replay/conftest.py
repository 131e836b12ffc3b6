"""Each test with a `pipeline` runs over all views; the log is in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ingest.collecting.running import Pipeline, TelemetryInMemory


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def pipeline(request: pytest.FixtureRequest, views_of: Callable[..., str]) -> Pipeline:
    return Pipeline(TelemetryInMemory(), views_of(request.param))
