"""What files may look like: columns in any order, workloads, bad rows, sentinels, extra columns."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from tests.acceptance.api import wait_until
from tests.acceptance.pipeline import Pipeline

COLUMNS = [
    *("timestamp", "metric_name", "gpu_id", "device", "uuid", "modelName", "HOSTNAME"),
    *("container", "pod", "namespace", "value", "labels_raw", "rack"),
]
GPU_1, GPU_2 = "GPU-aaaaaaaa-0000-0000-0000-000000000001", "GPU-aaaaaaaa-0000-0000-0000-000000000002"
TEMPERATURE, POWER, MEMORY = "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_FB_USED"
SENTINEL = "9223372036854775794"
"""DCGM's blank of a 64-bit integer that is not supported."""


def row(metric: str, uuid: str, value: str, **more: str) -> dict[str, str]:
    """A row that is whole unless told otherwise."""
    return {
        "timestamp": "2025-07-18T20:42:34Z",
        "metric_name": metric,
        "gpu_id": uuid[-1:],
        "device": f"nvidia{uuid[-1:]}",
        "uuid": uuid,
        "modelName": "NVIDIA H100 80GB HBM3",
        "HOSTNAME": "gpu-node-7",
        "container": "",
        "pod": "",
        "namespace": "",
        "value": value,
        "labels_raw": 'DCGM_FI_DRIVER_VERSION="535.129.03",job="dcgm"',
        "rack": "r12",
        **more,
    }


def write(path: Path, rows: list[dict[str, str]], seed: int) -> None:
    """Write the rows with their columns in a random order."""
    columns = random.Random(seed).sample(COLUMNS, len(COLUMNS))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("store_at", ["sqlite"], indirect=True)
def test_a_file_as_files_are(tmp_path: Path, views: str, seed: int) -> None:
    """What is a sample arrives with all that stood around it; what is none is told of and skipped."""
    busy = {"container": "main", "pod": "train-0", "namespace": "ml"}
    write(
        tmp_path / "odd.csv",
        [
            row(TEMPERATURE, GPU_1, "41"),
            row(POWER, GPU_1, "312.5", **busy),
            row(TEMPERATURE, GPU_2, "warm"),
            row(MEMORY, GPU_2, SENTINEL),
            row(TEMPERATURE, "", "40"),
            row(TEMPERATURE, GPU_2, "39"),
        ],
        seed,
    )
    with Pipeline(tmp_path / "log", views) as pipeline:
        pipeline.collector()
        api = pipeline.api()
        streamer = pipeline.streamer(f"csv:{tmp_path / 'odd.csv'}", "--once")
        assert 0 == streamer.wait()
        api.wait_for_records(4)

        skipped = [line["line"] for line in streamer.lines if line["action"] == "skip_row"]
        assert [4, 6] == skipped
        assert [GPU_1, GPU_2] == api.gpu_ids()
        first = {entry["metric_name"]: entry for entry in api.entries(GPU_1)}
        assert {TEMPERATURE: 41.0, POWER: 312.5} == {name: each["value"] for name, each in first.items()}
        assert [("main", "train-0", "ml"), (None, None, None)] == [
            (first[name]["container"], first[name]["pod"], first[name]["namespace"])
            for name in (POWER, TEMPERATURE)
        ]
        assert {"job": "dcgm", "rack": "r12"}.items() <= first[POWER]["labels"].items()
        assert ("gpu-node-7", 1, "nvidia1") == (
            first[POWER]["hostname"],
            first[POWER]["gpu_index"],
            first[POWER]["device"],
        )
        second = {entry["metric_name"]: entry["value"] for entry in api.entries(GPU_2)}
        assert {MEMORY: None, TEMPERATURE: 39.0} == second
        assert "535.129.03" == api.get("/api/v1/gpus")["items"][0]["driver_version"]


@pytest.mark.parametrize("store_at", ["sqlite"], indirect=True)
def test_records_of_others_are_set_aside(tmp_path: Path, views: str) -> None:
    """A record that is no event goes to the dead letters, and the next one arrives."""
    from confluent_kafka import Producer

    with Pipeline(tmp_path / "log", views) as pipeline:
        collector = pipeline.collector()
        collector.wait_for("ready")
        api = pipeline.api()
        producer = Producer({"bootstrap.servers": pipeline.broker.bootstrap, "log_level": 0})
        for partition in range(12):
            producer.produce("gpu.telemetry", b"not an event", partition=partition)
        assert 0 == producer.flush(60)
        streamer = pipeline.streamer("sim:2", "--interval", "0.1")
        api.wait_for_records(62)
        assert 0 == streamer.stop()
        api.wait_for_records(12 + streamer.wait_for("end")["records"])
        wait_until(
            lambda: any(line["action"] == "dead_letter" for line in collector.lines), "a line on dead letters"
        )

        assert 2 == len(api.gpu_ids())
