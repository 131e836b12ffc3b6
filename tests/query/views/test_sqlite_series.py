"""What reading a series from SQLite costs: how much is decoded, and how much is read at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from query.views import blocks, series_parts
from query.views.blocks import Series
from query.views.columns import Rows
from query.views.compaction_limits import CompactionLimits
from query.views.series import Grid
from tests.query.views.answers import settle
from tests.query.views.changes import POWER, START_MS, TEMPERATURE, Feed
from tests.query.views.sqlite_place import SqlitePlace

BLOCKS = 20
BLOCK_ENTRIES = 100
END_MS = START_MS + BLOCKS * BLOCK_ENTRIES - 1


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    """One GPU's entries, a millisecond apart, two metrics each, in full blocks."""
    place = SqlitePlace(tmp_path / "views", CompactionLimits(gpu_rows=1, block_rows=2 * BLOCK_ENTRIES))
    with closing(place):
        feed, writer = Feed(), place.writer()
        for n in range(BLOCKS * BLOCK_ENTRIES):
            feed.event("gpu-a", START_MS + n, {POWER.name: n, TEMPERATURE.name: 1.0})
        writer.apply(feed.batch())
        settle(writer)
        yield place


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each series that is decoded from now on."""
    found: list[int] = []
    decode = blocks.decode

    def noting(series: Sequence[Series], **options: Any) -> Rows:
        found.extend(one.row_count for one in series)
        return decode(series, **options)

    monkeypatch.setattr(blocks, "decode", noting)
    return found


def ask(place: SqlitePlace, grid: Grid) -> list[int]:
    """The values counted in each slice."""
    slices = [found for [found] in place.reader().series("gpu-a", [POWER.name], grid)]
    return [sum(step.value_count for step in found.steps) for found in slices]


def test_what_lies_in_one_step_is_not_decoded(place: SqlitePlace, decoded: list[int]) -> None:
    """The directories answer, but for the last value: one sub-column is read for each step."""
    counted = ask(place, Grid.shared_out(START_MS, END_MS, 1))
    assert BLOCKS * BLOCK_ENTRIES == sum(counted)
    assert [BLOCK_ENTRIES] == decoded


def test_only_what_is_asked_for_is_decoded(place: SqlitePlace, decoded: list[int]) -> None:
    """One metric of two; the blocks that the window touches."""
    counted = ask(place, Grid.aligned(START_MS + 150, START_MS + 349, 7))
    assert 200 == sum(counted)
    assert 3 * BLOCK_ENTRIES == sum(decoded)


def test_a_part_is_bounded(place: SqlitePlace, decoded: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """By rows that must be decoded, and by the tails and blocks that are read."""
    fine = Grid.aligned(START_MS, END_MS, 7)
    monkeypatch.setattr(series_parts, "ROWS_MAX", 3 * BLOCK_ENTRIES)
    counted = ask(place, fine)
    assert BLOCKS * BLOCK_ENTRIES == sum(counted)
    assert -(-BLOCKS // 3) == len(counted)
    assert sum(counted) == sum(decoded)
    monkeypatch.setattr(series_parts, "SOURCES_MAX", 5)
    assert BLOCKS // 5 == len(ask(place, Grid.shared_out(START_MS, END_MS, 1)))
