"""`/api/v1/fleet/latest`, `/api/v1/fleet/summary` and `/api/v1/metrics` over a running server."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import pytest

from query.api.fleet_rules import FleetRules
from query.api.settings import ApiSettings
from tests.query.api.fleet import (
    ENERGY,
    FIRST_ID,
    GPU_IDS,
    IDLE_ID,
    POWER,
    SECOND_ID,
    START_MS,
    UTIL,
    Fleet,
)
from tests.query.api.serving import serving

LATEST = "/api/v1/fleet/latest"
SUMMARY = "/api/v1/fleet/summary"
METRICS = "/api/v1/metrics"
RULES = FleetRules(power_metric=POWER.name, utilisation_metric=UTIL.name)


class StoppedClock:
    """Some seconds after the start."""

    def __init__(self, seconds: float) -> None:
        self._now_ms = START_MS + round(seconds * 1000)

    def wall_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return 0.0


def fleet(rounds: int) -> Fleet:
    made = Fleet()
    made.add(rounds)
    return made


def items(answer: httpx.Response) -> list[Any]:
    assert 200 == answer.status_code, answer.text
    found: list[Any] = answer.json()["items"]
    return found


# --- latest ----------------------------------------------------------------------------------------


async def test_one_metric_of_every_gpu() -> None:
    """With what stood around it, in the order of the ids."""
    async with serving(fleet(11).reader(), clock=StoppedClock(10.5)) as api:
        answer = await api.get(LATEST, params={"metric_name": POWER.name})
        assert sorted(GPU_IDS) == [item["gpu_id"] for item in items(answer)]
        assert {
            "gpu_id": FIRST_ID,
            "hostname": "gpu-node-01",
            "gpu_index": 0,
            "device": "nvidia0",
            "model_name": "NVIDIA H100 80GB HBM3",
            "container": "main",
            "pod": "llm-train-0",
            "namespace": "training",
            "value": 81.125,
            "unit": "W",
            "observed_at": "2026-11-22T10:00:10.000Z",
            "age_seconds": 0.5,
        } == items(answer)[0]
        assert answer.json()["next_cursor"] is None
        assert {"0": 11, "1": 11, "2": 11} == answer.json()["as_of"]["next_offsets"]


async def test_a_newest_value_that_is_a_blank() -> None:
    """Null: it is the newest."""
    async with serving(fleet(10).reader()) as api:
        found = items(await api.get(LATEST, params={"metric_name": UTIL.name}))
        assert [None, None, None] == [item["value"] for item in found]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"hostname": "gpu-node-01"}, [FIRST_ID, SECOND_ID]),
        ({"model_name": "NVIDIA H100 80GB HBM3"}, GPU_IDS),
        ({"model_name": "NVIDIA"}, []),
        ({"namespace": "training"}, [FIRST_ID, IDLE_ID]),
        ({"pod": "llm-train-2"}, [IDLE_ID]),
        ({"namespace": "training", "hostname": "gpu-node-01"}, [FIRST_ID]),
    ],
)
def test_filters_match_whole_values(
    filters: dict[str, str], expected: list[str], client: httpx.Client
) -> None:
    """Several are all required."""
    found = items(client.get(LATEST, params={"metric_name": UTIL.name, **filters}))
    assert sorted(expected) == [item["gpu_id"] for item in found]


def test_a_metric_that_nobody_reports(client: httpx.Client) -> None:
    """An empty list."""
    assert [] == items(client.get(LATEST, params={"metric_name": "DCGM_FI_UNKNOWN"}))


@pytest.mark.parametrize("path", [f"{LATEST}?metric_name={UTIL.name}", METRICS])
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_hold_everything_once(path: str, limit: int, client: httpx.Client) -> None:
    """In order; the last page has no cursor."""
    url = httpx.URL(path)
    whole = client.get(url)
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(4):
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        answer = client.get(url.copy_merge_params(asked))
        assert len(items(answer)) <= limit
        assert whole.json()["as_of"] == answer.json()["as_of"]
        found += items(answer)
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    assert cursor is None
    assert names(items(whole)) == names(found)


def names(found: list[Any]) -> list[str]:
    return [item.get("gpu_id") or item["name"] for item in found]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (LATEST, {"metric_name": POWER.name}),
        (LATEST, {"metric_name": UTIL.name, "pod": "x"}),
        (METRICS, None),
    ],
)
def test_a_cursor_is_good_for_its_list_only(
    first: str, second: dict[str, str] | None, client: httpx.Client
) -> None:
    """400, with what to do."""
    asked = {"metric_name": UTIL.name} if first == LATEST else {}
    cursor = client.get(first, params={"limit": 1, **asked}).json()["next_cursor"]
    other = "/api/v1/gpus" if second is None else first
    answer = client.get(other, params={"limit": 1, "cursor": cursor, **(second or {})})
    assert (400, "urn:gputail:problem:bad-cursor") == (answer.status_code, answer.json()["type"])
    assert "belongs to another listing" in answer.json()["detail"]


async def test_a_cursor_of_a_view_that_was_replaced() -> None:
    """400: its names may be others."""
    made = fleet(2)
    async with serving(made.reader()) as api:
        cursors = {
            path: (await api.get(f"{path}limit=1")).json()["next_cursor"]
            for path in (f"{LATEST}?metric_name={UTIL.name}&", f"{METRICS}?")
        }
        made.rebuild()
        made.add(2)
        for path, cursor in cursors.items():
            answer = await api.get(f"{path}limit=1&cursor={cursor}")
            assert 400 == answer.status_code
            assert "of views that were replaced" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        (LATEST, "metric_name is missing: this path needs it"),
        (f"{LATEST}?metric_name=a&metric_name=b", "metric_name is given 2 times: once is enough"),
        (f"{LATEST}?metric_name=a&limit=3", "limit: 3 is more than 2, the largest page"),
        (f"{LATEST}?metric_name=a&cursor=x", "cursor needs limit"),
        (f"{METRICS}?limit=3", "limit: 3 is more than 2, the largest page"),
        (f"{METRICS}?metric_name=a", "unknown query parameter 'metric_name': this path knows cursor, limit"),
        (f"{SUMMARY}?stale_after=1", "stale_after: '1' is no length of time"),
        (f"{SUMMARY}?idle_at_most=-1", "idle_at_most: '-1' is not a whole number of 0 or more"),
        (f"{SUMMARY}?idle_at_most=1000001", "idle_at_most: "),
        (f"{SUMMARY}?limit=1", "unknown query parameter 'limit'"),
    ],
)
async def test_mistakes(path: str, detail: str) -> None:
    """400, with what is right."""
    async with serving(fleet(1).reader(), ApiSettings(page_items_max=2)) as api:
        answer = await api.get(path)
        assert (400, "urn:gputail:problem:bad-parameter") == (answer.status_code, answer.json()["type"])
        assert detail in answer.json()["detail"]


# --- metrics ---------------------------------------------------------------------------------------


def test_the_catalogue(client: httpx.Client) -> None:
    """Each metric that was seen, with how many GPUs report it."""
    found = items(client.get(METRICS))
    assert [UTIL.name, POWER.name, ENERGY.name] == [item["name"] for item in found]
    assert {
        "name": ENERGY.name,
        "unit": "mJ",
        "kind": "counter",
        "description": "Energy since boot",
        "gpus": 3,
    } == found[2]


# --- summary ---------------------------------------------------------------------------------------


async def summary(made: Fleet, *, seconds: float, rules: FleetRules = RULES, **asked: Any) -> Any:
    async with serving(made.reader(), clock=StoppedClock(seconds), fleet_rules=rules) as api:
        answer = await api.get(SUMMARY, params=asked)
        assert 200 == answer.status_code, answer.text
        return answer.json()


async def test_a_fleet_in_numbers() -> None:
    """As a whole, and by product, host and namespace; those without a name come last."""
    body = await summary(fleet(11), seconds=11)
    counts = {
        "gpus": 3,
        "hosts": 2,
        "allocated_gpus": 2,
        "idle_allocated_gpus": 0,
        "stale_gpus": 0,
        "power": {"total": 3 * 81.125, "unit": "W", "gpus": 3},
        "utilisation": {"min": 10.0, "p50": 10.0, "avg": 10.0, "max": 10.0, "unit": "%", "gpus": 3},
    }
    assert counts == {name: body[name] for name in counts}
    assert [{**counts, "model_name": "NVIDIA H100 80GB HBM3"}] == body["by_model"]
    hosts = [(one["hostname"], one["gpus"], one["allocated_gpus"]) for one in body["by_host"]]
    assert [("gpu-node-01", 2, 1), ("gpu-node-02", 1, 1)] == hosts
    namespaces = [
        (one["namespace"], one["gpus"], one["hosts"], one["power"]["total"]) for one in body["by_namespace"]
    ]
    assert [("training", 2, 2, 162.25), (None, 1, 1, 81.125)] == namespaces
    assert ([], []) == (body["idle_allocated"], body["stale"])
    assert ("2026-11-22T10:00:11.000Z", 60.0, 0.0) == (
        body["now"],
        body["stale_after_seconds"],
        body["idle_at_most"],
    )
    assert "000001" == body["as_of"]["build"]


async def test_idle_though_allocated() -> None:
    """A workload is there, and the newest utilisation is at most the bound."""
    made = fleet(1)  # utilisation 0
    body = await summary(made, seconds=1)
    assert (2, 2) == (body["allocated_gpus"], body["idle_allocated_gpus"])
    assert {
        "gpu_id": FIRST_ID,
        "hostname": "gpu-node-01",
        "container": "main",
        "pod": "llm-train-0",
        "namespace": "training",
        "utilisation": 0.0,
        "observed_at": "2026-11-22T10:00:00.000Z",
    } == body["idle_allocated"][0]
    assert sorted([FIRST_ID, IDLE_ID]) == [one["gpu_id"] for one in body["idle_allocated"]]
    made.add(5)  # utilisation 5
    assert 0 == (await summary(made, seconds=6, idle_at_most=4))["idle_allocated_gpus"]
    assert 2 == (await summary(made, seconds=6, idle_at_most=5))["idle_allocated_gpus"]
    rules = FleetRules(utilisation_metric=UTIL.name, idle_at_most=5)
    body = await summary(made, seconds=6, rules=rules)
    assert (2, None) == (body["idle_allocated_gpus"], body["power"])


async def test_stale_gpus_and_their_values() -> None:
    """What is older than the bound is named, and is in no sum; what is just as old is not."""
    made = fleet(11)
    assert 0 == (await summary(made, seconds=70))["stale_gpus"]
    body = await summary(made, seconds=70.001)
    assert (3, 2, 0) == (body["stale_gpus"], body["allocated_gpus"], body["idle_allocated_gpus"])
    assert (None, None) == (body["power"], body["utilisation"])
    assert {
        "gpu_id": FIRST_ID,
        "hostname": "gpu-node-01",
        "last_seen": "2026-11-22T10:00:10.000Z",
        "age_seconds": 60.001,
    } == body["stale"][0]
    assert 0 == (await summary(made, seconds=70.001, stale_after="2m"))["stale_gpus"]
    assert 3 == (await summary(made, seconds=11, stale_after="999ms"))["stale_gpus"]
    rules = FleetRules(stale_after_s=5)
    assert 3 == (await summary(made, seconds=16, rules=rules))["stale_gpus"]


async def test_blanks_do_not_count() -> None:
    """A GPU whose newest utilisation is a blank is not idle, for nobody knows."""
    body = await summary(fleet(10), seconds=10)
    assert (None, 0) == (body["utilisation"], body["idle_allocated_gpus"])
    assert 3 == body["power"]["gpus"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"hostname": "gpu-node-01"}, 2),
        ({"namespace": "training"}, 2),
        ({"pod": "llm-train-2"}, 1),
        ({"model_name": "x"}, 0),
    ],
)
async def test_a_part_of_a_fleet(filters: dict[str, Any], expected: int) -> None:
    """By the GPUs' newest entries; none at all is a summary, too."""
    body = await summary(fleet(2), seconds=2, **filters)
    assert expected == body["gpus"] == sum(one["gpus"] for one in body["by_host"])
    assert expected == (body["power"]["gpus"] if body["power"] else 0)


async def test_without_metrics_that_say_so() -> None:
    """Neither power nor utilisation is known; the GPUs are."""
    body = await summary(fleet(2), seconds=2, rules=FleetRules())
    assert (3, None, None, 0) == (
        body["gpus"],
        body["power"],
        body["utilisation"],
        body["idle_allocated_gpus"],
    )


async def test_sums_that_are_too_large() -> None:
    """JSON knows no number for them: they end at the largest there is; the mean of such values is one."""

    class LargeFleet(Fleet):
        @staticmethod
        def value(round_number: int, metric: int) -> float:
            return 1.5e308

    made = LargeFleet()
    made.add(1)
    found = await summary(made, seconds=1)
    assert sys.float_info.max == found["power"]["total"]
    assert {"min": 1.5e308, "p50": 1.5e308, "avg": 1.5e308, "max": 1.5e308, "unit": "%", "gpus": 3} == found[
        "utilisation"
    ]
