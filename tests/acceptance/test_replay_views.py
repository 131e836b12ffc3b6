"""`gputail replay` and views that make themselves anew, over real processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import attrs
import pytest

from query.views.opening import open_builds
from tests.acceptance.api import Api, wait_until
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import RunningProcess, command, environment
from tests.documents import ROOT
from tests.stores import SHARED, damage_build, delete_build, delete_views, new_views

GPU_COUNT, RECORDS = 24, 1_200
"""A small fleet: each digest asks twice for each GPU."""


@attrs.frozen(eq=False)
class Running:
    """A log with some passes, two collectors that have applied them, and an API."""

    pipeline: Pipeline
    api: Api
    collectors: list[RunningProcess]
    folder: Path
    part_views: str
    later_views: str
    record_count: int

    def replay(self, *options: str, code: int = 0) -> dict[str, Any]:
        """What one replay says of itself."""
        done = self.popen(*options)
        out, err = done.communicate(timeout=60)
        assert code == done.returncode, (out, err)
        return json.loads(out) if out else {"error": err}

    def popen(self, *options: str) -> subprocess.Popen[str]:
        """A replay that runs."""
        told = ["--bootstrap-servers", self.pipeline.broker.bootstrap, "--json"]
        return subprocess.Popen(
            command("replay", *told, *options),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def views(self) -> tuple[str, str]:
        """The option that names them."""
        return "--views", self.pipeline.views

    def is_anew(self, old: str) -> bool:
        """Whether another build is read, and has everything."""
        status, body = self.api.ask("/api/v1/pipeline")  # one answer: between two, the build may change
        if status != HTTPStatus.OK or body["build"]["name"] == old:
            return False
        applied: int = sum(each["checkpoint"] for each in body["partitions"])
        return self.record_count == applied

    def builds(self) -> list[str]:
        """All builds that there are, by name."""
        opened = open_builds(self.pipeline.views)
        try:
            return [listed.name for listed in opened.listing()]
        finally:
            opened.close()

    def build(self) -> str:
        """The build that is read."""
        name: str = self.api.get("/api/v1/pipeline")["build"]["name"]
        return name


@pytest.fixture(scope="module", params=SHARED)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("replayed")
    views, part, later = (
        new_views(request, request.param, folder, name) for name in ("views", "part", "later")
    )
    with Pipeline(folder / "log", views) as pipeline:
        collectors, api = [pipeline.collector(), pipeline.collector()], pipeline.api()
        streamer = pipeline.streamer(f"sim:{GPU_COUNT}", "--interval", "0.02")
        api.wait_for_records(RECORDS)
        assert 0 == streamer.stop()
        stored = next(line["records"] for line in streamer.lines if line["action"] == "end")
        api.wait_for_records(stored)
        yield Running(pipeline, api, collectors, folder, part, later, stored)


def test_a_replay_changes_nothing_but_the_build(running: Running) -> None:
    """R13: the digest of all answers is equal; a dry run says what would be read, and changes nothing."""
    before, old = running.api.digest(), running.build()

    plan = running.replay(*running.views, "--dry-run")
    assert (running.record_count, old, False) == (plan["record_count"], plan["current"], plan["is_shorter"])
    assert old == running.build()

    report = running.replay(*running.views)
    assert (True, old, running.record_count) == (
        report["is_current"],
        report["replaced"],
        report["records"],
    )
    assert report["build"] == running.build() != old
    assert before == running.api.digest()


@pytest.mark.parametrize(
    ("running", "number"),
    [
        ("sqlite", signal.SIGKILL),
        pytest.param("sqlite", signal.SIGTERM, marks=pytest.mark.long),
        pytest.param("postgres", signal.SIGTERM, marks=pytest.mark.long),
        pytest.param("postgres", signal.SIGKILL, marks=pytest.mark.long),
    ],
    indirect=["running"],
    scope="module",
)
def test_a_replay_that_is_ended(running: Running, number: signal.Signals) -> None:
    """The old build goes on, and the next replay takes over whatever is left."""
    before, old = running.api.digest(), running.build()
    process = running.popen(*running.views, "--batch-records", "100")
    wait_until(lambda: len(running.builds()) > 1 or process.poll() is not None, "a second build, or the end")
    process.send_signal(signal.SIGSTOP)
    is_early = old == running.build()
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    is_interrupted = process.returncode == (130 if number is signal.SIGTERM else -number)
    assert is_interrupted or process.returncode == 0, (out, err)  # 0: it was done before the signal came
    if is_interrupted and is_early:
        assert old == running.build()
    assert before == running.api.digest()

    assert running.replay(*running.views)["is_current"]
    assert before == running.api.digest()
    assert [running.build()] == running.builds()


@pytest.mark.parametrize("running", ["sqlite"], indirect=True, scope="module")
def test_a_part_of_the_log(running: Running) -> None:
    """The fleet as it was at a time, in a store of its own; nothing else is touched."""
    before = running.api.digest()
    gpu_id = running.api.gpu_ids()[0]
    entries = running.api.entries(gpu_id)
    middle = entries[len(entries) // 2]["observed_at"]
    into = running.part_views

    report = running.replay("--into", into, "--to", middle)

    assert report["is_current"]
    part = running.pipeline.api(views=into)
    assert [each for each in entries if each["observed_at"] < middle] == part.entries(gpu_id)
    assert before == running.api.digest()
    refused = running.replay("--into", into, "--to", middle, code=1)
    assert "another one" in refused["error"]
    empty = running.replay("--into", running.later_views, "--from", datetime.now(tz=UTC).isoformat())
    assert 0 == empty["records"]


@pytest.mark.parametrize(
    "running",
    ["sqlite", pytest.param("postgres", marks=pytest.mark.long)],
    indirect=True,
    scope="module",
)
def test_a_view_that_is_deleted_is_made_anew(running: Running, request: pytest.FixtureRequest) -> None:
    """Whole, or a build alone, under running collectors; the answers are the same in the end."""
    before, old = running.api.digest(), running.build()
    delete_views(request, running.pipeline.views)
    wait_until(lambda: running.is_anew(old), "another build after the views have gone")
    assert before == running.api.digest()

    second = running.build()
    delete_build(request, running.pipeline.views, second)
    wait_until(lambda: running.is_anew(second), "another build after the build has gone")
    assert before == running.api.digest()
    lines = [each for one in running.collectors for each in one.lines if each["action"] == "rebuild_view"]
    assert {"deleted", "gone"} == {line["reason"] for line in lines}


@pytest.mark.parametrize(
    "running",
    ["postgres", pytest.param("sqlite", marks=pytest.mark.long)],
    indirect=True,
    scope="module",
)
def test_a_view_that_is_damaged_is_made_anew(running: Running, request: pytest.FixtureRequest) -> None:
    """A collector that starts finds it, and says so."""
    before, old = running.api.digest(), running.build()
    assert [0, 0] == [collector.stop() for collector in running.collectors]
    damage_build(request, running.pipeline.views, old)

    collector = running.pipeline.collector()

    wait_until(lambda: running.is_anew(old), "another build")
    assert "damaged" == collector.wait_for("rebuild_view")["reason"]
    assert before == running.api.digest()
