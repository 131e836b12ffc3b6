"""Pages, while data arrives: each earlier entry exactly once."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.query.api.fleet import FIRST_ID, Fleet
from tests.query.api.serving import Served, serving
from tests.query.api.test_telemetry import PATH, at, items, keys


async def walk(api: Served, path: str, asked: dict[str, Any], between: Any = None) -> list[dict[str, Any]]:
    """All pages, one after another."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = await api.get(path, params=asked | ({"cursor": cursor} if cursor else {}))
        page = items(answer)
        assert len(page) <= asked["limit"]
        found += page
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found
        assert len(page) == asked["limit"], "only the last page may be short"
        if between is not None:
            between()


@pytest.mark.parametrize("limit", [1, 2, 7, 59, 60, 61, 10_000])
async def test_pages_add_up_to_the_whole(limit: int) -> None:
    """Whatever their size, also in the middle of an event and at the very end."""
    fleet = Fleet()
    fleet.add(20)
    async with serving(fleet.reader()) as api:
        assert items(await api.get(PATH)) == await walk(api, PATH, {"limit": limit})


async def test_a_page_may_be_larger_than_a_slice_of_the_store() -> None:
    """10,000 entries and the look at the next are two slices."""
    fleet = Fleet()
    fleet.add(7_000)
    async with serving(fleet.reader()) as api:
        assert items(await api.get(PATH)) == await walk(api, PATH, {"limit": 10_000})


async def test_entries_that_come_while_pages_are_walked_are_not_among_them(seed: int) -> None:
    """Every entry that was there at the first page comes exactly once, and no later one; filters hold."""
    chance = random.Random(seed)
    fleet = Fleet()
    fleet.add(50)
    async with serving(fleet.reader()) as api:
        for asked in (
            {"limit": 11},
            {"limit": 4, "metric_name": "DCGM_FI_DEV_POWER_USAGE"},
            {"limit": 7, "start_time": at(10), "end_time": at(10_000)},
        ):
            whole = items(await api.get(PATH, params={k: v for k, v in asked.items() if k != "limit"}))
            found = await walk(api, PATH, asked, lambda: fleet.add(chance.randrange(1, 5)))
            assert keys(whole) == keys(found)
            assert whole == found


async def test_all_pages_tell_the_time_of_the_first() -> None:
    """`as_of` is the listing's, not the page's."""
    fleet = Fleet()
    fleet.add(3)
    async with serving(fleet.reader()) as api:
        first = (await api.get(PATH, params={"limit": 2})).json()
        fleet.add(5)
        second = (await api.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
        assert first["as_of"] == second["as_of"]
        assert 8 == (await api.get(PATH, params={"limit": 2})).json()["as_of"]["next_offsets"]["0"]


async def test_ndjson_pages_carry_their_cursor_in_a_header() -> None:
    """The last page has none."""
    fleet = Fleet()
    fleet.add(2)
    async with serving(fleet.reader()) as api:
        lines, asked = [], {"limit": "4"}
        while True:
            answer = await api.get(PATH, params=asked, headers={"Accept": "application/x-ndjson"})
            lines += [json.loads(line) for line in answer.text.splitlines()]
            if "next-cursor" not in answer.headers:
                break
            asked["cursor"] = answer.headers["next-cursor"]
        assert items(await api.get(PATH)) == lines


@pytest.mark.parametrize(
    "change",
    [
        {"start_time": at(1)},
        {"end_time": at(9)},
        {"metric_name": "DCGM_FI_DEV_POWER_USAGE"},
    ],
)
async def test_a_cursor_is_refused_under_other_parameters(change: dict[str, str]) -> None:
    """400; the page's size alone may change."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader()) as api:
        cursor = (await api.get(PATH, params={"limit": 2})).json()["next_cursor"]
        assert 3 == len(items(await api.get(PATH, params={"limit": 3, "cursor": cursor})))
        answer = await api.get(PATH, params={"limit": 2, "cursor": cursor, **change})
        assert (400, "urn:gputail:problem:bad-cursor") == (answer.status_code, answer.json()["type"])


async def test_a_cursor_is_refused_for_another_gpu_and_in_another_list() -> None:
    """400."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader()) as api:
        cursor = (await api.get(PATH, params={"limit": 2})).json()["next_cursor"]
        for path in (f"/api/v1/gpus/{fleet.gpu_ids[1]}/telemetry", "/api/v1/gpus"):
            answer = await api.get(path, params={"limit": 2, "cursor": cursor})
            assert (400, "urn:gputail:problem:bad-cursor") == (answer.status_code, answer.json()["type"])


async def test_a_cursor_does_not_outlive_its_build() -> None:
    """After a rebuild offsets and entries are other ones: 400, never a page that mixes the two."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader()) as api:
        cursors = {
            path: (await api.get(path, params={"limit": 2})).json()["next_cursor"]
            for path in (PATH, "/api/v1/gpus")
        }
        fleet.rebuild()
        fleet.add(5)
        for path, cursor in cursors.items():
            answer = await api.get(path, params={"limit": 2, "cursor": cursor})
            assert 400 == answer.status_code
            assert "were replaced meanwhile" in answer.json()["detail"]


async def test_a_cursor_without_a_limit_is_refused() -> None:
    """Nobody wants the rest as one answer by accident."""
    fleet = Fleet()
    fleet.add(5)
    async with serving(fleet.reader()) as api:
        cursor = (await api.get(PATH, params={"limit": 2})).json()["next_cursor"]
        answer = await api.get(f"/api/v1/gpus/{FIRST_ID}/telemetry", params={"cursor": cursor})
        assert (400, "cursor needs limit") == (answer.status_code, answer.json()["detail"][:18])
