"""`/api/v1/gpus/{id}/telemetry` over a running server: windows, filters, formats."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from query.api.times import format_time
from tests.query.api.fleet import FIRST_ID, METRICS, SECOND_ID, START_MS, Fleet
from tests.query.api.serving import serving

PATH = f"/api/v1/gpus/{FIRST_ID}/telemetry"
NAMES = [metric.name for metric in METRICS]
FIRST = {
    "gpu_id": FIRST_ID,
    "metric_name": "DCGM_FI_DEV_GPU_UTIL",
    "value": 0.0,
    "unit": "%",
    "observed_at": "2026-11-22T10:00:00.000Z",
    "hostname": "gpu-node-01",
    "gpu_index": 0,
    "device": "nvidia0",
    "model_name": "NVIDIA H100 80GB HBM3",
    "container": "main",
    "pod": "llm-train-0",
    "namespace": "training",
    "labels": {"cluster": 'ein "Wort"\n€', "job": "dcgm"},
    "position": {"topic": "gpu.telemetry", "partition": 0, "offset": 0},
}


def fleet(rounds: int = 20) -> Fleet:
    """Entries a second apart from 10:00:00 on."""
    made = Fleet()
    made.add(rounds)
    return made


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    """The entries of an answer."""
    assert 200 == answer.status_code, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def keys(entries: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What they are sorted by."""
    return [
        (one["observed_at"], one["position"]["partition"], one["position"]["offset"], one["metric_name"])
        for one in entries
    ]


def at(second: float) -> str:
    """A time in the window."""
    return format_time(START_MS + round(second * 1000))


async def test_without_bounds_all_entries_come_ascending() -> None:
    """Every field is there, in the documented order; the whole listing is one answer."""
    async with serving(fleet().reader()) as api:
        answer = await api.get(PATH)
        entries = items(answer)
        assert 60 == len(entries)
        assert FIRST == entries[0]
        assert list(FIRST) == list(entries[0])
        assert sorted(keys(entries)) == keys(entries)
        assert len(set(keys(entries))) == len(entries)
        body = answer.json()
        assert ["items", "next_cursor", "as_of"] == list(body)
        assert body["next_cursor"] is None
        assert {"build": "000001", "next_offsets": {"0": 20, "1": 20, "2": 20}} == body["as_of"]
        assert "application/json" == answer.headers["content-type"]
        assert "chunked" == answer.headers["transfer-encoding"]


async def test_absent_workloads_and_blanks_are_null() -> None:
    """They are there."""
    async with serving(fleet().reader()) as api:
        entry = items(await api.get(f"/api/v1/gpus/{SECOND_ID}/telemetry"))[27]
        assert (None, None, None, {}) == (
            entry["container"],
            entry["pod"],
            entry["namespace"],
            entry["labels"],
        )
        assert entry["value"] is None
        assert FIRST.keys() == entry.keys()


@pytest.mark.parametrize(
    ("bounds", "seconds"),
    [
        ({"start_time": at(17)}, [17, 18, 19]),
        ({"end_time": at(2)}, [0, 1, 2]),
        ({"start_time": at(3), "end_time": at(5)}, [3, 4, 5]),
        ({"start_time": at(3), "end_time": at(3)}, [3]),
        ({"start_time": at(2.001), "end_time": at(4.999)}, [3, 4]),
        ({"start_time": "2026-11-22T10:00:02.0000001Z", "end_time": "2026-11-22T10:00:03.9999999Z"}, [3]),
        ({"start_time": "2026-11-22T10:00:02.0001Z", "end_time": "2026-11-22T10:00:02.0009Z"}, []),
        ({"start_time": "2026-11-22T12:00:03+02:00", "end_time": "2026-11-22T05:00:04-05:00"}, [3, 4]),
        ({"start_time": at(100)}, []),
        ({"end_time": at(-1)}, []),
        ({"start_time": "0000-01-01T00:00:00Z", "end_time": "0001-01-01T00:00:00Z"}, []),
    ],
)
@pytest.mark.parametrize("limit", [None, 100])
def test_both_bounds_are_inclusive(
    bounds: dict[str, str], seconds: list[int], limit: int | None, client: httpx.Client
) -> None:
    """Also at millisecond precision, in any offset, with and without pages; an empty window is 200."""
    entries = items(client.get(PATH, params=bounds | ({"limit": str(limit)} if limit else {})))
    assert [at(second) for second in seconds for _ in METRICS] == [one["observed_at"] for one in entries]


async def test_a_time_from_an_answer_is_a_bound_that_includes_its_entry() -> None:
    """Times can be copied."""
    async with serving(fleet().reader()) as api:
        entry = items(await api.get(PATH))[31]
        bounds = {"start_time": entry["observed_at"], "end_time": entry["observed_at"]}
        assert entry in items(await api.get(PATH, params=bounds))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([NAMES[1]], [NAMES[1]]),
        ([NAMES[2], NAMES[0]], [NAMES[0], NAMES[2]]),
        ([NAMES[0], NAMES[0]], [NAMES[0]]),
        (["DCGM_FI_NO_SUCH"], []),
        (["DCGM_FI_NO_SUCH", NAMES[1]], [NAMES[1]]),
    ],
)
def test_metrics_are_chosen_by_name(wanted: list[str], expected: list[str], client: httpx.Client) -> None:
    """The parameter may be repeated; a name that nothing has finds nothing."""
    entries = items(client.get(PATH, params={"metric_name": wanted}))
    assert expected * 20 == [one["metric_name"] for one in entries]


async def test_ndjson_has_an_entry_a_line() -> None:
    """The same entries as JSON has, by `Accept`."""
    async with serving(fleet().reader()) as api:
        plain = items(await api.get(PATH))
        answer = await api.get(PATH, headers={"Accept": "application/x-ndjson"})
        assert "application/x-ndjson" == answer.headers["content-type"]
        assert "Accept" == answer.headers["vary"]
        assert plain == [json.loads(line) for line in answer.text.splitlines()]
        assert answer.text.endswith("}\n")


async def test_an_empty_listing_is_an_empty_list() -> None:
    """As JSON; as NDJSON it is nothing."""
    async with serving(fleet().reader()) as api:
        late = {"start_time": at(100)}
        assert b'{"items":[],"next_cursor":null,"as_of":' in (await api.get(PATH, params=late)).content
        lines = await api.get(PATH, params=late, headers={"Accept": "application/x-ndjson"})
        assert (200, b"") == (lines.status_code, lines.content)


@pytest.mark.parametrize("rounds", [170, 171, 3334, 6700])
async def test_long_listings_come_whole(rounds: int) -> None:
    """Across the boundaries of pieces and of the store's slices."""
    async with serving(fleet(rounds).reader()) as api:
        entries = items(await api.get(PATH))
        assert 3 * rounds == len(entries)
        assert sorted(set(keys(entries))) == keys(entries)


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    """For a stream too."""
    async with serving(fleet().reader()) as api:
        for path in (PATH, f"{PATH}?limit=2", "/api/v1/gpus", "/schema/openapi.json", "/health/live"):
            get, head = await api.get(path), await api.client.head(path)
            assert (200, b"") == (head.status_code, head.content)
            for name in ("content-type", "content-length", "vary"):
                assert get.headers.get(name) == head.headers.get(name), (path, name)
        assert 404 == (await api.client.head("/api/v1/gpus/nobody")).status_code
        assert 0 == api.app.stream_slots.taken
