"""The script of `helm test`, over real processes: it passes where all work, and says which one does not."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.acceptance.api import Api
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import environment
from tests.chart.rendering import CHART

SCRIPT = CHART / "files" / "round_trip.py"
END_S_MAX = 60.0


def run(bootstrap: str, api: Api, seconds: float) -> subprocess.CompletedProcess[str]:
    """The script, as the chart's pod runs it."""
    variables = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GPUTAIL_ADMIN_LISTEN": "127.0.0.1:0",
        "GPUTAIL_BOOTSTRAP_SERVERS": bootstrap,
        "GPUTAIL_PARTITIONS": "2",
    }
    return subprocess.run(
        [sys.executable, SCRIPT, api.url, str(seconds)],
        capture_output=True,
        text=True,
        timeout=END_S_MAX,
        env=environment(**variables),
        check=False,
    )


def test_it_says_what_is_missing_and_passes_once_nothing_is(tmp_path: Path) -> None:
    """No broker, then no collector, then both: the script names each, and reads its row in the end."""
    with Pipeline(tmp_path / "log", f"sqlite:///{tmp_path / 'views'}") as pipeline:
        api = pipeline.api()
        done = run("127.0.0.1:1", api, 1)
        assert 1 == done.returncode
        assert "failed: the broker has stored nothing within 1 s" in done.stderr
        script = runpy.run_path(str(SCRIPT))
        with pytest.raises(script["RoundTripError"], match="not read within 0 s: the API answers 503"):
            script["read"](api.url, 1, datetime.now(UTC), 0)
        pipeline.collector()
        done = run(pipeline.broker.bootstrap, api, END_S_MAX / 3)
        assert 0 == done.returncode, done.stderr
        assert "passed: published and read within" in done.stdout
