"""PostgreSQL is stopped under load and started again: all wait for it and say so, and no sample is lost."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ingest.sources.simulator import SimulatorSource
from tests.acceptance.api import Api, wait_until
from tests.acceptance.kills import complaints, events_of
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import RunningProcess
from tests.gputail.asking import ask, samples
from tests.postgres_server import FAST, IMMEDIATE, PASSWORD, PostgresServer
from tests.stores import store_of

GPUS = 16
SEEN_S_MAX = 10.0
"""Between the end of the server, and the answers that tell of it."""


def facts(process: RunningProcess) -> dict[str, Any]:
    """What it says of itself; nothing while its loop is too busy to."""
    reply = ask(f"{process.admin_url}/health/ready")
    found: dict[str, Any] = json.loads(reply.body) if reply.status == HTTPStatus.OK else {}
    return found


def retries(process: RunningProcess) -> float:
    return samples(ask(f"{process.admin_url}/metrics").body)["gputail_collect_retries_total"]


@pytest.mark.parametrize(
    ("outage_s", "how"),
    [
        (3.0, IMMEDIATE),
        pytest.param(60.0, FAST, marks=pytest.mark.long),
        pytest.param(60.0, IMMEDIATE, marks=pytest.mark.long),
    ],
)
def test_a_database_that_stops_under_load(
    tmp_path: Path,
    postgres: PostgresServer,
    views_of: Callable[..., str],
    outage_s: float,
    how: signal.Signals,
) -> None:
    """Health names what is missing; afterwards each pass of the source is there once. No password is told."""
    views = views_of("postgres")
    secret = postgres.url(store_of(views), password=PASSWORD)
    server = f"127.0.0.1:{postgres.port}"
    with Pipeline(tmp_path / "log", views, session_s=6) as pipeline:
        collectors = [pipeline.run("collect", *pipeline.bootstrap(), GPUTAIL_VIEWS=secret) for _ in range(2)]
        serving = pipeline.run("serve", "--listen", "127.0.0.1:0", GPUTAIL_VIEWS=secret)
        api = Api(f"http://{serving.wait_for('ready')['listen']}")
        streamer = pipeline.streamer(f"sim:{GPUS}", "--interval", "0.05")
        api.wait_for_records(20 * GPUS)
        wait_until(lambda: all(facts(one).get("partitions") for one in collectors), "shares of both")
        before, told = [retries(one) for one in collectors], []

        with postgres.stopped(how):
            stopped_s = time.monotonic()
            for one in collectors:
                wait_until(lambda one=one: server in facts(one).get("last_error", ""), "an error", SEEN_S_MAX)  # type: ignore[misc]
            wait_until(lambda: ask(f"{serving.admin_url}/health/ready").status == 503, "503", SEEN_S_MAX)
            for url in (f"{serving.admin_url}/health/ready", f"{api.url}/health/ready"):
                told.append(ask(url).body)
                assert server in told[-1]
            status, problem = api.ask("/api/v1/pipeline")
            assert (HTTPStatus.SERVICE_UNAVAILABLE, True) == (status, server in problem["detail"])
            wait_until(lambda: time.monotonic() - stopped_s >= outage_s, "its time", outage_s + 1)
            tried = [retries(one) - many for one, many in zip(collectors, before, strict=True)]
            lasted_s = time.monotonic() - stopped_s
        begun_s = time.monotonic()

        assert all(0 < many < 10 + lasted_s for many in tried)
        wait_until(lambda: api.ask("/api/v1/pipeline")[0] == HTTPStatus.OK, "the API")
        answers_s = time.monotonic() - begun_s
        assert 0 == streamer.stop()
        stored = next(line["records"] for line in streamer.lines if line["action"] == "end")
        api.wait_for_records(stored)
        print(
            f"outage {outage_s:g} s, {stored} records; API back after {answers_s:.2f} s, all applied after "
            f"{time.monotonic() - begun_s:.2f} s; tries of the collectors {tried}"
        )
        assert stored == api.applied_records()
        events = {gpu_id: list(events_of(api, gpu_id)) for gpu_id in api.gpu_ids()}
        assert [] == complaints(events, {}, SimulatorSource(GPUS))
        wait_until(lambda: all("" == facts(one).get("last_error") for one in collectors), "no error")
        wait_until(lambda: HTTPStatus.OK == ask(f"{serving.admin_url}/health/ready").status, "a ready API")
        processes = [*collectors, serving]
        for one in processes:
            told += [ask(f"{one.admin_url}/health/ready").body, ask(f"{one.admin_url}/metrics").body]
        told.append(str(api.get("/api/v1/pipeline")))
        assert [0, 0, 0] == [one.stop() for one in processes]
        told += [str((one.lines, one.other_output)) for one in processes]
    for secret_text in (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD)):
        assert not any(secret_text in text for text in told)
