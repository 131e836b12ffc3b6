"""From a file to the API, over real processes: what the API says is what the file has."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.api import Api, telemetry_of
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.sources import GPU_COUNT, ROW_COUNT, Input

METRICS_OF_A_GPU = 10
POWER, UTILISATION = "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_UTIL"
BEFORE, AFTER = "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"


def shifted(time: str, ms: int) -> str:
    """A time of the API, some milliseconds later."""
    moved = datetime.fromisoformat(time).astimezone(UTC) + timedelta(milliseconds=ms)
    return moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_every_row_of_a_pass_can_be_queried_once(tmp_path: Path, views: str, given: Input) -> None:
    """Each GPU has its entries, in the order of time, with the values of the file; bounds are inclusive."""
    started = datetime.now(tz=UTC)
    with Pipeline(tmp_path / "log", views) as pipeline:
        collector, api = pipeline.collector(), pipeline.api()
        assert 0 == pipeline.streamer(given.source, "--once").wait()
        api.wait_for_records(ROW_COUNT)

        rows = given.rows()
        expected: dict[str, Counter[tuple[str, float]]] = {}
        for row in rows:
            expected.setdefault(row["uuid"], Counter())[row["metric_name"], float(row["value"])] += 1
        assert (GPU_COUNT, ROW_COUNT) == (len(expected), len(rows))
        assert sorted(expected) == api.gpu_ids()
        for gpu_id, values in expected.items():
            check_entries(api, gpu_id, values, started)
        check_fleet(api, expected)
        check_window(api, next(iter(expected)))
        check_refusals(api, next(iter(expected)))
        assert 0 == collector.stop()


def check_entries(api: Api, gpu_id: str, values: Counter[tuple[str, float]], started: datetime) -> None:
    """All of them, once each, ascending, stamped when they were processed; a sentinel is null."""
    entries = api.entries(gpu_id)

    assert METRICS_OF_A_GPU == len(entries)
    times = [entry["observed_at"] for entry in entries]
    assert sorted(times) == times
    now = datetime.now(tz=UTC)
    assert all(started - timedelta(seconds=1) < datetime.fromisoformat(time) <= now for time in times)
    blanks = {entry["metric_name"] for entry in entries if entry["value"] is None}
    found = Counter((entry["metric_name"], entry["value"]) for entry in entries if entry["value"] is not None)
    assert found == Counter({key: count for key, count in values.items() if key[0] not in blanks})
    assert all(value > 1e9 for metric, value in values if metric in blanks)  # DCGM's sentinels are large


def check_fleet(api: Api, expected: dict[str, Counter[tuple[str, float]]]) -> None:
    """The fleet's answers are the file's numbers, added up; so is a series in one point."""
    power, busy = of_metric(expected, POWER), of_metric(expected, UTILISATION)
    summary = api.get("/api/v1/fleet/summary", stale_after="1h")
    assert (GPU_COUNT, 0) == (summary["gpus"], summary["stale_gpus"])
    assert "W" == summary["power"]["unit"]
    assert pytest.approx(sum(known(power))) == summary["power"]["total"]
    assert (min(known(busy)), max(known(busy)), len(known(busy))) == tuple(
        summary["utilisation"][name] for name in ("min", "max", "gpus")
    )
    latest = api.get("/api/v1/fleet/latest", metric_name=POWER)["items"]
    assert power == {item["gpu_id"]: item["value"] for item in latest}
    gpu_id = next(gpu_id for gpu_id in power if power[gpu_id] is not None)
    body = api.get(f"/api/v1/gpus/{gpu_id}/series", metric_name=[POWER, UTILISATION], points=1)
    assert [busy[gpu_id], power[gpu_id]] == [one["points"][0]["last"] for one in body["series"]]
    metrics = {item["name"]: item["gpus"] for item in api.get("/api/v1/metrics")["items"]}
    assert GPU_COUNT == metrics[POWER]


def of_metric(expected: dict[str, Counter[tuple[str, float]]], wanted: str) -> dict[str, float | None]:
    """The value of a metric, by GPU; None for DCGM's sentinels, which are large."""
    return {
        gpu_id: value if value < 1e9 else None
        for gpu_id, values in expected.items()
        for metric, value in values
        if metric == wanted
    }


def known(values: dict[str, float | None]) -> list[float]:
    """Those that are no blanks."""
    return [value for value in values.values() if value is not None]


def check_window(api: Api, gpu_id: str) -> None:
    """Both bounds belong to it; beside the data it is empty."""
    times = [entry["observed_at"] for entry in api.entries(gpu_id)]
    first, last = times[0], times[-1]

    assert times == [entry["observed_at"] for entry in api.entries(gpu_id, start_time=first, end_time=last)]
    assert times == [entry["observed_at"] for entry in api.entries(gpu_id, start_time=BEFORE, end_time=AFTER)]
    later = [time for time in times if time > first]
    found = api.entries(gpu_id, start_time=shifted(first, 1))
    assert later == [entry["observed_at"] for entry in found]
    assert [] == api.entries(gpu_id, end_time=shifted(first, -1))
    assert [] == api.entries(gpu_id, start_time=shifted(last, 1))


def check_refusals(api: Api, gpu_id: str) -> None:
    """What cannot be is refused as a problem that says why."""
    for status, path, parameters in (
        (404, telemetry_of("GPU-00000000-0000-0000-0000-000000000000"), {}),
        (400, telemetry_of("GPU 0"), {}),
        (
            400,
            telemetry_of(gpu_id),
            {"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"},
        ),
        (400, telemetry_of(gpu_id), {"start_time": "yesterday"}),
        (400, telemetry_of(gpu_id), {"start_time": "2026-01-01T00:00:00"}),
        (400, telemetry_of(gpu_id), {"end_time": "1700000000"}),
    ):
        found, problem = api.ask(path, **parameters)
        assert (status, status) == (found, problem["status"]), (path, parameters, problem)
        assert problem["detail"]
