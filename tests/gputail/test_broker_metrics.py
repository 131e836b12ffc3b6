"""Metrics: what /metrics shows of a broker that has worked, and docs/metrics.md."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.eventlog.broker.running import RunningBroker, running_broker
from tests.eventlog.broker.wire import fetch_frame
from tests.gputail.asking import ask, samples
from tests.gputail.described import described, documented

RECORDS = 300


@attrs.frozen
class Scrape:
    """What a broker's metrics were, before it had anything to do and afterwards."""

    text: str
    open_text: str
    open_type: str
    lasted_s: float
    """How long it has run at most."""

    def value(self, name: str, /, **labels: str) -> float:
        """One sample of the broker's."""
        inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        return samples(self.text)[f"gputail_broker_{name}" + (f"{{{inner}}}" if inner else "")]


def work(running: RunningBroker) -> None:
    """Produce, consume, commit, and do some things wrong."""
    common: dict[str, Any] = {"bootstrap.servers": running.bootstrap, "log_level": 0}
    admin = AdminClient(common)
    admin.create_topics([NewTopic("gpu.telemetry", 2)])["gpu.telemetry"].result(20)
    producer = Producer(common)
    for number in range(RECORDS):
        producer.produce("gpu.telemetry", b"v" * 100, partition=number % 2)
    assert 0 == producer.flush(20)
    consumer = Consumer({**common, "group.id": "collectors", "auto.offset.reset": "earliest"})
    consumer.subscribe(["gpu.telemetry"])
    consumed = 0
    while consumed < RECORDS:
        consumed += len(consumer.consume(RECORDS, 0.5))
    consumer.commit(asynchronous=False)
    for number in range(10):
        producer.produce("gpu.telemetry", b"more", partition=0, key=b"%d" % number)
    assert 0 == producer.flush(20)
    host, _, port = running.bootstrap.partition(":")
    with socket.create_connection((host, int(port)), 20) as odd:
        odd.sendall(fetch_frame(1, "gpu.telemetry", (0, 10**6)))
        assert odd.recv(4096)
    with socket.create_connection((host, int(port)), 20) as odd:
        odd.sendall(b"\x00\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff")
        assert b"" == odd.recv(4096)
    scraped_while_it_is_a_member = ask(f"{running.admin_url}/metrics").body
    assert 1 == samples(scraped_while_it_is_a_member)['gputail_broker_group_members{group="collectors"}']


@pytest.fixture(scope="module")
def scrape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    started_s = time.monotonic()
    with running_broker(tmp_path_factory.mktemp("data"), "--instance-id", "b1") as running:
        work(running)
        url = f"{running.admin_url}/metrics"
        text, opened = ask(url), ask(url, accept="application/openmetrics-text;version=1.0.0")
        assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lasted_s = time.monotonic() - started_s
        yield Scrape(text.body, opened.body, opened.headers["Content-Type"], lasted_s)


def test_the_document_has_each_metric(scrape: Scrape) -> None:
    """Name, type, labels and meaning are those of the scrape, and nothing is missing on either side."""
    assert documented("gputail_broker_") == described(scrape.text)


def test_what_was_produced_and_consumed_is_counted(scrape: Scrape) -> None:
    """Records, offsets and lag add up."""
    topic = "gpu.telemetry"
    places = [{"topic": topic, "partition": number} for number in ("0", "1")]

    assert RECORDS + 10 == scrape.value("produced_records_total", topic=topic)
    assert RECORDS <= scrape.value("fetched_records_total", topic=topic) <= RECORDS + 10
    assert [160.0, 150.0] == [scrape.value("partition_high_watermark", **place) for place in places]
    assert [160.0, 150.0] == [scrape.value("partition_log_end_offset", **place) for place in places]
    assert [0.0, 0.0] == [scrape.value("partition_log_start_offset", **place) for place in places]
    assert [150.0, 150.0] == [
        scrape.value("group_committed_offset", group="collectors", **place) for place in places
    ]
    assert [10.0, 0.0] == [scrape.value("group_lag_records", group="collectors", **place) for place in places]
    assert (1.0, 2.0) == (scrape.value("topics"), scrape.value("partitions"))
    size_bytes = sum(scrape.value("partition_size_bytes", **place) for place in places)
    assert size_bytes == scrape.value("produced_bytes_total", topic=topic)


def test_what_was_done_wrong_is_counted(scrape: Scrape) -> None:
    """An offset out of range, and a frame that is none."""
    assert 1 == scrape.value("errors_total", api="fetch", code="offset_out_of_range")
    assert 1 == scrape.value("rejected_frames_total", kind="unsupported")


def test_durations_are_histograms(scrape: Scrape) -> None:
    """Buckets are cumulative, and the last one has them all."""
    batches = scrape.value("produced_batches_total", topic="gpu.telemetry")
    produce = [
        (bound, value)
        for name, value in samples(scrape.text).items()
        for bound in re.findall(
            r'^gputail_broker_request_duration_seconds_bucket{api="produce",le="(.*)"}', name
        )
    ]

    values = [value for _, value in produce]
    assert "+Inf" == produce[-1][0]
    assert sorted(values) == values
    assert values[-1] == scrape.value("request_duration_seconds_count", api="produce")
    assert batches == scrape.value("append_duration_seconds_count")
    assert 0 < scrape.value("append_duration_seconds_sum") < batches * scrape.lasted_s
    for name in ("flush", "read"):
        assert scrape.value(f"{name}_duration_seconds_count") > 0


def test_states_are_shown_also_where_they_are_0(scrape: Scrape) -> None:
    """An alert on a series that does not exist would never fire."""
    states = {name: value for name, value in samples(scrape.text).items() if "_groups{" in name}

    assert 4 == len(states)
    assert 1 == sum(states.values())
    outcomes = ("clean", "unclean", "torn_tail", "damaged")
    assert [0.0] * 4 == [scrape.value("recovered_partitions", outcome=outcome) for outcome in outcomes]


def test_open_metrics_is_given_to_who_asks(scrape: Scrape) -> None:
    """The same metrics in the newer format, which ends with a mark."""
    assert scrape.open_type.startswith("application/openmetrics-text; version=1.0.0")
    assert scrape.open_text.endswith("# EOF\n")
    names = {line.split()[2] for line in scrape.open_text.splitlines() if line.startswith("# TYPE")}
    assert {name.removesuffix("_total") for name in described(scrape.text)} == names


def test_memory_of_a_small_broker_is_small(scrape: Scrape) -> None:
    """After some work and some scrapes it is below 64 MiB."""
    if sys.platform == "linux":
        assert samples(scrape.text)["process_resident_memory_bytes"] < 64 * 2**20


def test_the_broker_that_it_was_is_named(scrape: Scrape) -> None:
    """Version, name, log and policy are labels of one series."""
    (info,) = [name for name in samples(scrape.text) if name.startswith("gputail_broker_info{")]

    assert re.search(r'cluster_id="[\w-]{22}",flush="group",instance_id="b1",version="\d+\.\d+\.\d+"', info)
