"""What is in the telemetry topic, read from its beginning by a client that knows nothing of gputail."""

from __future__ import annotations

import json
from collections import Counter

import attrs
from confluent_kafka import Consumer, TopicPartition

from tests.acceptance.api import Api
from tests.acceptance.sources import ROW_COUNT

TOPIC = "gpu.telemetry"
READ_S_MAX = 60.0


@attrs.frozen
class Ledger:
    """Records of one source, as they were published: doubles included."""

    record_count: int
    rows: dict[int, list[tuple[int, int]]]
    """By partition: each (pass, row) once, in order."""
    series: Counter[tuple[str, str]]
    """By GPU and metric: of how many different rows they are."""
    doubles: int
    """Records that say again what one before said."""


def read_ledger(bootstrap: str, partitions: int = 12) -> Ledger:
    """Read all that is there now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ledger", "enable.auto.commit": False})
    rows: dict[int, set[tuple[int, int]]] = {number: set() for number in range(partitions)}
    series: Counter[tuple[str, str]] = Counter()
    count = 0
    try:
        ends = {}
        for number in rows:
            _, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, number), READ_S_MAX)
            ends[number] = end
        consumer.assign([TopicPartition(TOPIC, number, 0) for number in rows])
        while count < sum(ends.values()):
            # It waits for as many as it is asked for.
            found = consumer.consume(min(10_000, sum(ends.values()) - count), READ_S_MAX)
            assert found, "the log can be read to its end"
            for record in found:
                value, partition, offset = record.value(), record.partition(), record.offset()
                assert value is not None
                assert partition is not None
                assert offset is not None
                if offset >= ends[partition]:
                    continue
                count += 1
                event = json.loads(value)
                place = (event["origin"]["pass"], event["origin"]["row"])
                if place not in rows[partition]:
                    rows[partition].add(place)
                    (metric,) = event["values"]
                    series[event["gpu"]["uuid"], metric] += 1
    finally:
        consumer.close()
    unique = {number: sorted(found) for number, found in rows.items()}
    return Ledger(count, unique, series, count - sum(map(len, unique.values())))


def check(api: Api, ledger: Ledger) -> None:
    """The log has no hole, and the view has each row of it once, whatever was published twice."""
    assert ROW_COUNT == len(ledger.series)
    for number, rows in ledger.rows.items():
        first = [row for pass_number, row in rows if pass_number == 1]
        whole, left = divmod(len(rows), len(first))
        expected = [(pass_number, row) for pass_number in range(1, whole + 1) for row in first]
        assert expected + [(whole + 1, row) for row in first[:left]] == rows, f"partition {number}"
    found = Counter((entry["gpu_id"], entry["metric_name"]) for entry in api.all_entries())
    assert ledger.series == found
