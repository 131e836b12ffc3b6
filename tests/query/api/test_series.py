"""`/api/v1/gpus/{id}/series` over a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from query.api.settings import ApiSettings
from query.views.memory import MemoryViewReader
from query.views.series import Grid, MetricSeries
from tests.query.api.fleet import ENERGY, FIRST_ID, POWER, SECOND_ID, UTIL, Fleet
from tests.query.api.serving import serving

PATH = f"/api/v1/gpus/{FIRST_ID}/series"
NOON = {"start_time": "2026-11-22T10:00:00Z", "end_time": "2026-11-22T10:00:19Z"}


def ask(client: httpx.Client, **asked: Any) -> Any:
    """The answer's body; the metric is the utilisation where no other is named."""
    answer = client.get(PATH, params={"metric_name": UTIL.name, **asked})
    assert 200 == answer.status_code, answer.text
    return answer.json()


def test_steps_of_a_length(client: httpx.Client) -> None:
    """They begin at multiples of it; the answer says which window and steps it is of."""
    body = ask(client, step="15s", start_time="2026-11-22T10:00:05Z", end_time="2026-11-22T10:00:19Z")
    assert {
        "gpu_id": FIRST_ID,
        "start_time": "2026-11-22T10:00:05.000Z",
        "end_time": "2026-11-22T10:00:19.000Z",
        "step_seconds": 15.0,
        "series": [
            {
                "metric_name": UTIL.name,
                "unit": "%",
                "kind": "gauge",
                "points": [
                    {
                        "time": "2026-11-22T10:00:00.000Z",
                        "min": 5.0,
                        "max": 14.0,
                        "avg": 9.555555555555555,
                        "last": 14.0,
                        "count": 9,
                        "blanks": 1,
                    },
                    {
                        "time": "2026-11-22T10:00:15.000Z",
                        "min": 15.0,
                        "max": 18.0,
                        "avg": 16.5,
                        "last": 18.0,
                        "count": 4,
                        "blanks": 1,
                    },
                ],
            }
        ],
        "as_of": {"build": "000001", "next_offsets": {"0": 20, "1": 20, "2": 20}},
    } == body


def test_a_number_of_points(client: httpx.Client) -> None:
    """The window is shared out from its start."""
    body = ask(client, points=2, **NOON)
    assert 9.5 == body["step_seconds"]
    points = body["series"][0]["points"]
    assert ["2026-11-22T10:00:00.000Z", "2026-11-22T10:00:09.500Z"] == [one["time"] for one in points]
    assert [(9, 1), (9, 1)] == [(one["count"], one["blanks"]) for one in points]


def test_a_window_in_one_point(client: httpx.Client) -> None:
    """Both of its ends are in it."""
    [point] = ask(client, points=1, metric_name=POWER.name, **NOON)["series"][0]["points"]
    assert (20, 71.125, 90.125, 90.125) == (point["count"], point["min"], point["max"], point["last"])


def test_what_is_taken_where_nothing_is_said(client: httpx.Client) -> None:
    """The hour before the GPU's newest entry, in 300 points."""
    body = ask(client)
    assert ("2026-11-22T09:00:19.000Z", "2026-11-22T10:00:19.000Z") == (body["start_time"], body["end_time"])
    assert 12.0 == body["step_seconds"]
    body = ask(client, end_time="2026-11-22T10:00:05Z")
    assert "2026-11-22T09:00:05.000Z" == body["start_time"]
    assert 6 == sum(point["count"] for point in body["series"][0]["points"])
    body = ask(client, start_time="2026-11-22T10:00:10Z", step="1h")
    assert 9 == sum(point["count"] for point in body["series"][0]["points"])


def test_a_step_of_blanks_has_no_values(client: httpx.Client) -> None:
    """Null, and how many blanks there are; a gap has no point at all."""
    points = ask(client, step="1s", start_time="2026-11-22T09:59:50Z")["series"][0]["points"]
    assert 20 == len(points)
    assert {
        "time": "2026-11-22T10:00:09.000Z",
        "min": None,
        "max": None,
        "avg": None,
        "last": None,
        "count": 0,
        "blanks": 1,
    } == points[9]


def test_several_metrics(client: httpx.Client) -> None:
    """Each once, in the order of their names; unknown ones are left out."""
    names = [ENERGY.name, UTIL.name, "DCGM_FI_UNKNOWN", UTIL.name]
    body = ask(client, metric_name=names, points=10)
    found = [(one["metric_name"], one["unit"], one["kind"]) for one in body["series"]]
    assert [(UTIL.name, "%", "gauge"), (ENERGY.name, "mJ", "counter")] == found
    assert [] == ask(client, metric_name="DCGM_FI_UNKNOWN")["series"]


@pytest.mark.parametrize(
    "asked",
    [
        {"start_time": "2026-11-22T11:00:00Z"},
        {"end_time": "2026-11-22T09:00:00Z", "step": "1m"},
        {"start_time": "2026-11-22T10:00:00.0001Z", "end_time": "2026-11-22T10:00:00.0009Z"},
        {"start_time": "9999-12-31T23:59:59.999-23:59", "points": "5"},
        {"end_time": "0000-01-01T00:00:00+23:59", "points": "5"},
    ],
)
def test_a_window_without_entries(asked: dict[str, str], client: httpx.Client) -> None:
    """A series without points."""
    assert [[]] == [one["points"] for one in ask(client, **asked)["series"]]


def test_all_times_in_one_window(client: httpx.Client) -> None:
    """From the first year to the last."""
    body = ask(
        client, start_time="0000-01-01T00:00:00Z", end_time="9999-12-31T23:59:59.999-23:59", step="999999w"
    )
    assert ("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z") == (body["start_time"], body["end_time"])
    assert 18 == sum(point["count"] for point in body["series"][0]["points"])


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({"metric_name": None}, "metric_name is missing: this path needs it"),
        ({"metric_name": ""}, "metric_name is empty: give the name of one"),
        ({"step": "30"}, "step: '30' is no length of time: a whole number above 0 and one of ms, s"),
        ({"step": "PT30S"}, "step: 'PT30S' is no length of time"),
        ({"step": "1s", "points": 5}, "step and points exclude each other"),
        ({"points": "0"}, "points: Expected `int` >= 1"),
        ({"points": "1.5"}, "points: '1.5' is not a whole number above 0"),
        ({"points": "101"}, "101 points are more than 100, the most of one answer: take fewer points"),
        (
            {"points": "51", "metric_name": ["a", "b"]},
            "51 points of each of 2 metrics are more than 100, the most of one answer: take fewer points, or",
        ),
        ({"step": "1s"}, "3601 points are more than 100, the most of one answer: take longer steps, or"),
        ({"metric_name": [str(number) for number in range(101)]}, "take fewer points, or fewer metrics"),
        (
            {"start_time": "2026-11-22T09:00:18.999Z"},
            "the window is longer than 1h: say how fine the series shall be, by step or points",
        ),
        ({"start_time": "2026-11-22T10:00:01Z", "end_time": "2026-11-22T10:00:00Z"}, "is after end_time"),
        ({"start_time": "now"}, "start_time: 'now' is no RFC 3339 time"),
        ({"limit": "1"}, "unknown query parameter 'limit': this path knows end_time, metric_name, points"),
    ],
)
async def test_mistakes_and_limits(asked: dict[str, Any], detail: str) -> None:
    """400, with what is right."""
    made = Fleet()
    made.add(20)
    limits = ApiSettings(series_points_max=100, series_window_s_max=3600)
    async with serving(made.reader(), limits) as api:
        params = {name: value for name, value in {"metric_name": "a", **asked}.items() if value is not None}
        answer = await api.get(PATH, params=params)
        assert (400, "urn:gputail:problem:bad-parameter") == (answer.status_code, answer.json()["type"])
        assert detail in answer.json()["detail"]


async def test_limits_are_inclusive() -> None:
    """As many points as there may be, and the longest window."""
    made = Fleet()
    made.add(20)
    limits = ApiSettings(series_points_max=100, series_window_s_max=3600)
    async with serving(made.reader(), limits) as api:
        for asked in ({"points": 100}, {"step": "37s"}, {}):
            answer = await api.get(PATH, params={"metric_name": UTIL.name, **asked})
            assert 200 == answer.status_code, answer.text


async def test_an_unknown_gpu_is_404() -> None:
    """Also where its metrics would be known."""
    made = Fleet()
    made.add(1)
    async with serving(made.reader()) as api:
        answer = await api.get("/api/v1/gpus/GPU-x/series", params={"metric_name": UTIL.name})
        assert (404, "urn:gputail:problem:unknown-gpu") == (answer.status_code, answer.json()["type"])


class SlowReader(MemoryViewReader):
    """A series in many slices; notes what is read between them."""

    def __init__(self, views: Any) -> None:
        super().__init__(views)
        self.told: list[str] = []
        self.ended = False

    def series(
        self, gpu_id: str, metric_names: Sequence[str], grid: Grid
    ) -> Iterator[Sequence[MetricSeries]]:
        try:
            [[whole]] = super().series(gpu_id, metric_names, grid)
            for step in whole.steps:
                self.told.append(gpu_id)
                yield [MetricSeries(whole.metric, [step])]
        finally:
            self.ended = True


async def test_others_get_their_turn_between_slices() -> None:
    """Two series at once are read slice by slice, in turns; each is whole, and closed."""
    made = Fleet()
    made.add(20)
    views = SlowReader(made.views)
    async with serving(views) as api:
        paths = [f"/api/v1/gpus/{gpu_id}/series" for gpu_id in (FIRST_ID, SECOND_ID)]
        asked = {"metric_name": POWER.name, "step": "1s"}
        answers = [await api.get(paths[0], params=asked)]
        assert views.ended
        answers += await asyncio.gather(*(api.get(path, params=asked) for path in paths))
    for answer in answers:
        [series] = answer.json()["series"]
        assert [71.125 + number for number in range(20)] == [point["last"] for point in series["points"]]
    both = views.told[20:]
    assert 40 == len(both)
    assert sorted(both) != both
    assert sorted(both, reverse=True) != both
