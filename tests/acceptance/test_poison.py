"""Poison in the log of a running pipeline: it stops no partition, and a flood of it is seen."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from ingest.topics import TELEMETRY
from tests.acceptance.api import wait_until
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import RunningProcess
from tests.acceptance.sources import ROW_COUNT
from tests.eventlog.remote.verbs import run

PARTITIONS = 12
POISON = 3_000
SEEN_S_MAX = 10.0


def health(process: RunningProcess) -> dict[str, Any]:
    with urllib.request.urlopen(f"{process.admin_url}/health/ready") as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def metrics(process: RunningProcess) -> str:
    with urllib.request.urlopen(f"{process.admin_url}/metrics") as answer:
        return str(answer.read(), "utf-8")


@pytest.mark.parametrize("store_at", ["sqlite"], indirect=True)
def test_a_flood_is_seen_and_stops_nobody(tmp_path: Path, views: str) -> None:
    """Poison in every partition: health and metrics tell it within 10 s, and the rows come through."""
    with Pipeline(tmp_path / "log", views) as pipeline:
        collector, api = pipeline.collector(), pipeline.api()
        collector.wait_for("ready")
        assert (False, True) == (health(collector)["poison_flood"], health(collector)["ready"])

        producer = Producer({"bootstrap.servers": pipeline.broker.bootstrap, "linger.ms": 5})
        for number in range(POISON):
            producer.produce(TELEMETRY, b"no event %d" % number, partition=number % PARTITIONS)
        assert 0 == producer.flush(60)
        begun_s = time.monotonic()
        wait_until(lambda: bool(health(collector)["poison_flood"]), "a flood in health", SEEN_S_MAX)
        assert time.monotonic() - begun_s < SEEN_S_MAX
        assert "gputail_collect_poison_flood 1.0" in metrics(collector)
        assert "warning" == collector.wait_for("poison_flood")["level"]
        assert health(collector)["ready"]

        pipeline.streamer("sample", "--once")
        api.wait_for_records(POISON + ROW_COUNT)
        assert ROW_COUNT == sum(1 for _ in api.all_entries())
        servers = ("--bootstrap-servers", pipeline.broker.bootstrap, "--timeout", "60")
        listed = run("dlq", "list", "--json", *servers)
        assert POISON == len(listed.of_type("letter"))
        assert 0 == collector.stop()
