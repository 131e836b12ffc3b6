"""`/api/v1/gpus` and `/api/v1/gpus/{id}` over a running server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from query.api.settings import ApiSettings
from tests.query.api.fleet import FIRST_ID, GPU_IDS, IDLE_ID, SECOND_ID, START_MS, Fleet
from tests.query.api.serving import serving

FIRST = {
    "id": FIRST_ID,
    "hostname": "gpu-node-01",
    "gpu_index": 0,
    "device": "nvidia0",
    "model_name": "NVIDIA H100 80GB HBM3",
    "driver_version": "535.129.03",
    "labels": {"cluster": 'ein "Wort"\n€', "job": "dcgm"},
    "first_seen": "2026-11-22T10:00:00.000Z",
    "last_seen": "2026-11-22T10:00:10.000Z",
    "metrics": [
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_POWER_USAGE",
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    ],
}


class StoppedClock:
    """Half a second after the newest entry."""

    def wall_ms(self) -> int:
        return START_MS + 10_500

    def monotonic_s(self) -> float:
        return 0.0


def fleet() -> Fleet:
    """Eleven rounds: entries from :00 to :10."""
    made = Fleet()
    made.add(11)
    return made


def ids(answer: httpx.Response) -> list[str]:
    """What a list holds."""
    assert 200 == answer.status_code, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_all_gpus_are_listed() -> None:
    """In the order of their ids, with their newest attributes, in one answer."""
    async with serving(fleet().reader()) as api:
        answer = await api.get("/api/v1/gpus")
        assert sorted(GPU_IDS) == ids(answer)
        body = answer.json()
        assert FIRST == next(item for item in body["items"] if item["id"] == FIRST_ID)
        assert body["next_cursor"] is None
        assert {"build": "000001", "next_offsets": {"0": 11, "1": 11, "2": 11}} == body["as_of"]
        assert "application/json" == answer.headers["content-type"]
        assert "no-store" == answer.headers["cache-control"]


async def test_absent_attributes_are_null() -> None:
    """They are there, so that a reader need not ask whether they are."""
    async with serving(fleet().reader()) as api:
        items = (await api.get("/api/v1/gpus", params={"hostname": "gpu-node-01"})).json()["items"]
        second = next(item for item in items if item["id"] == SECOND_ID)
        assert second["driver_version"] is None
        assert {} == second["labels"]
        assert FIRST.keys() == second.keys()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"hostname": "gpu-node-01"}, [FIRST_ID, SECOND_ID]),
        ({"hostname": "gpu-node-0"}, []),
        ({"model_name": "NVIDIA H100 80GB HBM3"}, GPU_IDS),
        ({"namespace": "training"}, [FIRST_ID, IDLE_ID]),
        ({"pod": "llm-train-2"}, [IDLE_ID]),
        ({"namespace": "training", "hostname": "gpu-node-01"}, [FIRST_ID]),
        ({"hostname": "%"}, []),
        ({"hostname": "\x00"}, []),
    ],
)
def test_filters_match_whole_values(
    filters: dict[str, str], expected: list[str], client: httpx.Client
) -> None:
    """Of the newest entry; several are all required."""
    assert sorted(expected) == ids(client.get("/api/v1/gpus", params=filters))


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_hold_each_gpu_once(limit: int, client: httpx.Client) -> None:
    """The last page has no cursor."""
    found, cursor = [], None
    for _ in range(4):
        asked: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/v1/gpus", params=asked)
        found += ids(answer)
        assert len(ids(answer)) <= limit
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert sorted(GPU_IDS) == found


async def test_a_cursor_of_gpus_is_good_for_its_filters_only() -> None:
    """400, with what to do."""
    async with serving(fleet().reader()) as api:
        cursor = (await api.get("/api/v1/gpus", params={"limit": 1})).json()["next_cursor"]
        answer = await api.get("/api/v1/gpus", params={"limit": 1, "cursor": cursor, "pod": "x"})
        assert 400 == answer.status_code
        assert "belongs to another listing" in answer.json()["detail"]


async def test_one_gpu_has_its_newest_values() -> None:
    """With unit, kind, description, and age by the service's clock."""
    async with serving(fleet().reader(), clock=StoppedClock()) as api:
        body = (await api.get(f"/api/v1/gpus/{FIRST_ID}")).json()
        latest, as_of = body.pop("latest"), body.pop("as_of")
        assert FIRST == body
        assert "000001" == as_of["build"]
        assert {
            "metric_name": "DCGM_FI_DEV_GPU_UTIL",
            "value": 10.0,
            "unit": "%",
            "kind": "gauge",
            "description": "GPU utilisation",
            "observed_at": "2026-11-22T10:00:10.000Z",
            "age_seconds": 0.5,
        } == latest[0]
        assert FIRST["metrics"] == [one["metric_name"] for one in latest]


async def test_a_newest_value_may_be_a_blank() -> None:
    """null, and not the value before."""
    made = Fleet()
    made.add(10)
    async with serving(made.reader()) as api:
        body = (await api.get(f"/api/v1/gpus/{FIRST_ID}")).json()
        assert body["latest"][0]["value"] is None


async def test_an_empty_view_lists_nothing() -> None:
    """A view without entries is a view."""
    made = Fleet()
    async with serving(made.reader()) as api:
        assert [] == ids(await api.get("/api/v1/gpus"))
        assert 404 == (await api.get(f"/api/v1/gpus/{FIRST_ID}")).status_code


async def test_the_largest_page_is_a_setting() -> None:
    """One more is refused, and the message names the limit."""
    async with serving(fleet().reader(), ApiSettings(page_items_max=2)) as api:
        assert 2 == len(ids(await api.get("/api/v1/gpus", params={"limit": 2})))
        answer = await api.get("/api/v1/gpus", params={"limit": 3})
        assert 400 == answer.status_code
        assert "limit: 3 is more than 2, the largest page" == answer.json()["detail"]
