"""Metrics and health of streamer, collector and API, as real processes, and docs/metrics.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import attrs
import pytest

from tests.acceptance.api import wait_until
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import RunningProcess
from tests.gputail.asking import ask, samples
from tests.gputail.described import described, documented

GPUS = 3
ASKED = 'gputail_api_requests_total{method="GET",route="/api/v1/pipeline",status="200"}'


@attrs.frozen
class Running:
    """A pipeline that has worked a little."""

    processes: Mapping[str, RunningProcess]
    scrapes: Mapping[str, str]
    api_url: str


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("pipeline")
    with Pipeline(folder / "log", f"sqlite:///{folder / 'views'}") as it:
        api_process, api = it.api_process()
        processes = {
            "stream": it.streamer(f"sim:{GPUS}", "--interval", "0.1", "--instance-id", "s1"),
            "collect": it.collector("--instance-id", "c1"),
            "api": api_process,
        }
        api.wait_for_records(10 * GPUS)
        assert 404 == api.ask("/api/v1/gpus/none")[0]
        wait_until(lambda: "freshness" in ask(f"{processes['collect'].admin_url}/metrics").body, "freshness")
        # A request is counted once it is answered, and the API looks once a second whether it is ready.
        wait_until(lambda: ASKED in ask(f"{api_process.admin_url}/metrics").body, "a counted request")
        wait_until(lambda: 200 == ask(f"{api_process.admin_url}/health/ready").status, "a ready API")
        scrapes = {name: ask(f"{process.admin_url}/metrics").body for name, process in processes.items()}
        yield Running(processes, scrapes, api.url)


@pytest.mark.parametrize("name", ["stream", "collect", "api"])
def test_the_document_has_each_metric(pipeline: Running, name: str) -> None:
    """Name, type, labels and meaning are those of the scrape, and nothing is missing on either side."""
    assert documented(f"gputail_{name}_") == described(pipeline.scrapes[name])


def test_what_was_done_is_counted(pipeline: Running) -> None:
    """Records, partitions, requests."""
    stream, collect, api = (samples(pipeline.scrapes[name]) for name in ("stream", "collect", "api"))

    assert stream["gputail_stream_published_records_total"] >= 10 * GPUS
    assert 12 == stream["gputail_stream_partitions"] == collect["gputail_collect_partitions"]
    assert collect["gputail_collect_samples_total"] >= collect["gputail_collect_records_total"] >= 10 * GPUS
    assert 0 <= collect["gputail_collect_freshness_seconds"] < 60
    assert 12 == sum(name.startswith("gputail_collect_lag_records{") for name in collect)
    assert api[ASKED] >= 1
    assert 'gputail_stream_info{instance_id="s1",version="0.1.0"}' in stream
    assert 'gputail_collect_info{instance_id="c1",version="0.1.0"}' in collect


def test_the_api_shows_its_metrics_at_its_own_address_too(pipeline: Running) -> None:
    """The same families as on the admin listener."""
    reply = ask(f"{pipeline.api_url}/metrics")

    assert 200 == reply.status
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert documented("gputail_api_") == described(reply.body)


@pytest.mark.parametrize("name", ["stream", "collect", "api"])
def test_health_says_what_it_does(pipeline: Running, name: str) -> None:
    """It lives and is ready, with facts for whoever looks."""
    url = pipeline.processes[name].admin_url
    ready = json.loads(ask(f"{url}/health/ready").body)

    assert 200 == ask(f"{url}/health/live").status
    assert (True, None) == (ready["ready"], ready["reason"])
    assert {"version", "role", "instance_id"} <= set(ready)
