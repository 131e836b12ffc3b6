"""What is missing in a view, or would be, is told in the log, in metrics and in `/api/v1/pipeline`."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from eventlog.client import NewRecord
from eventlog.client.address import KafkaAddress
from eventlog.client.admin import KafkaAdmin
from gputail.collect_metrics import families
from ingest.assignment import REMOVED
from ingest.intake import DAMAGED
from ingest.renewal import Renewal
from ingest.topics import TELEMETRY
from tests.acceptance.api import wait_until
from tests.acceptance.pipeline import Pipeline as ProcessPipeline
from tests.acceptance.process import command, environment
from tests.documents import ROOT
from tests.gputail.asking import ask, samples
from tests.ingest.collecting.events import event
from tests.ingest.collecting.running import Pipeline, TelemetryInMemory
from tests.query.api.serving import serving


@pytest.mark.parametrize(("reason", "first", "end"), [(REMOVED, 5, 12), (DAMAGED, 8, 9)])
async def test_a_gap_is_told_in_three_places(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, reason: str, first: int, end: int
) -> None:
    """Whether retention took records before they were applied, or damage was passed over."""
    pipeline = Pipeline(TelemetryInMemory(), f"sqlite:///{tmp_path}/views")
    queue, at = pipeline.place.open(), pipeline.place.at(0)
    values = [event(row, value=1000.5 + row) for row in range(20)]
    await pipeline.publish(queue, [NewRecord(value, None, 0) for value in values[:5]])
    async with pipeline.collector():
        await pipeline.applied(queue)
    for value in values[5:]:
        await pipeline.publish(queue, [NewRecord(value, None, 0)])
    if reason == REMOVED:
        pipeline.place.raise_log_start(at, end)
    else:
        pipeline.place.damage(at, values[first])

    with caplog.at_level(logging.WARNING, "ingest"):
        async with pipeline.collector() as collector:
            await pipeline.applied(queue)

    told = [record.__dict__ for record in caplog.records if "a gap in the log" in record.message]
    assert [(0, first, end, reason)] == [
        (each["partition"], each["first_offset"], each["end_offset"], each["reason"]) for each in told
    ]
    found = families("c1", True, 0.0, 0, collector.counters, Renewal().taken())
    counted = {sample.name: sample.value for family in found for sample in family.samples}
    assert (1, end - first) == (
        counted["gputail_collect_gaps_total"],
        counted["gputail_collect_gap_records_total"],
    )
    reader = pipeline.reader()
    async with serving(reader) as api:
        [gap] = (await api.get("/api/v1/pipeline")).json()["gaps"]
    assert (0, first, end, reason) == (
        gap["partition"],
        gap["first_offset"],
        gap["end_offset"],
        gap["reason"],
    )
    reader.close()
    await queue.close()


def test_another_log_is_told_in_three_places(tmp_path: Path) -> None:
    """Until the views are made anew: by the collector's last line, the API's answer and its metric."""
    with ProcessPipeline(tmp_path / "log", f"sqlite:///{tmp_path / 'views'}") as pipeline:
        api_process, api = pipeline.api_process()
        streamer, collector = pipeline.streamer("sim:2", "--interval", "0.1"), pipeline.collector()
        api.wait_for_records(20)
        assert (0, 0) == (streamer.stop(), collector.stop())
        assert api.get("/api/v1/pipeline")["refused_log"] is None
        followed = api.get("/api/v1/pipeline")["partitions"][0]["topic_id"]
        with KafkaAdmin(KafkaAddress(pipeline.broker.bootstrap)) as admin:
            admin.delete_topic(TELEMETRY)

        refused = pipeline.collector()

        assert 1 == refused.wait()
        [line] = [line for line in refused.lines if "follows" in str(line)]
        assert "--allow-shorter" in str(line)
        note = api.get("/api/v1/pipeline")["refused_log"]
        assert note["topic_id"] not in {"", followed}
        assert note["reason"] in str(line)

        def metric() -> float:
            return samples(ask(f"{api_process.admin_url}/metrics").body)["gputail_api_refused_log"]

        wait_until(lambda: metric() == 1, "the metric of another log")
        replay = ("replay", "--bootstrap-servers", pipeline.broker.bootstrap, "--views", pipeline.views)
        subprocess.run(
            command(*replay, "--allow-shorter"),
            cwd=ROOT,
            env=environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert api.get("/api/v1/pipeline")["refused_log"] is None
        wait_until(lambda: metric() == 0, "the metric without another log")
