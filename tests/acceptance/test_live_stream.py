"""A reader of a live stream over real processes, which are killed under it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.api import Api, telemetry_of, wait_until
from tests.acceptance.pipeline import Pipeline


@contextmanager
def stream(api: Api, gpu_id: str, last_event_id: str) -> Iterator[Iterator[tuple[str, list[dict[str, Any]]]]]:
    """A stream after that event: the id and the entries of each record."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    with httpx.stream(
        "GET", f"{api.url}{telemetry_of(gpu_id)}/stream", headers=headers, timeout=30
    ) as answer:
        assert 200 == answer.status_code

        def records() -> Iterator[tuple[str, list[dict[str, Any]]]]:
            event_id = ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                assert field != "event", line
                if field == "id":
                    event_id = value
                elif field == "data":
                    yield event_id, json.loads(value)

        yield records()


@pytest.mark.parametrize("resumes", [20, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_reader_over_killed_processes_gets_every_record_once(tmp_path: Path, resumes: int) -> None:
    """It is cut off again and again, at another API process each time; an API and a collector are killed."""
    with Pipeline(tmp_path / "log", f"sqlite:///{tmp_path / 'views'}", session_s=6) as pipeline:
        collectors = [pipeline.collector()]
        processes = [pipeline.api_process() for _ in range(2)]
        streamer = pipeline.streamer("sim:16", "--interval", "0.02")
        processes[0][1].wait_for_records(100)
        gpu_id = processes[0][1].gpu_ids()[0]
        seen: list[tuple[str, list[dict[str, Any]]]] = []
        last_event_id = ""
        for life in range(resumes):
            if life == resumes // 3:
                processes[0][0].kill()
                processes[0] = pipeline.api_process()
            if life == resumes // 2:
                collectors[0].kill()
                collectors.append(pipeline.collector())
            with stream(processes[life % 2][1], gpu_id, last_event_id) as records:
                seen += [next(records) for _ in range(1 + life * 7 % 9)]
            last_event_id = seen[-1][0]
        assert 0 == streamer.stop()
        stored = next(line["records"] for line in streamer.lines if line["action"] == "end")
        api = processes[1][1]
        wait_until(lambda: api.applied_records() >= stored, "everything applied")
        entries = api.entries(gpu_id, start_time=seen[0][1][0]["observed_at"])

    order = {(one["position"]["partition"], one["position"]["offset"]): one for one in entries}
    told = [(items[0]["position"]["partition"], items[0]["position"]["offset"]) for _, items in seen]
    places = sorted(order)
    assert places[places.index(told[0]) :][: len(told)] == told
    assert len(seen) == len({event_id for event_id, _ in seen})
    metrics = sorted({one["metric_name"] for one in entries})
    assert all(metrics == [item["metric_name"] for item in items] for _, items in seen)
