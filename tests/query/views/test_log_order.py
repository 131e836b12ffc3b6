"""The SQLite store in log order, with bounds so small that every slice meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from query.views import log_slices
from query.views.log_order import moved_on
from tests.query.views.contract_log_order import LogOrderContract
from tests.query.views.sqlite_place import SqlitePlace


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlitePlace]:
    """Two sources are read at once, and one tail is remembered."""
    monkeypatch.setattr(log_slices, "_SOURCES_MAX", 2)
    monkeypatch.setattr(log_slices, "_REMEMBERED", 1)
    place = SqlitePlace(tmp_path / "views")
    yield place
    place.close()


class TestLogOrder(LogOrderContract):
    """`LogOrderContract` holds."""


def test_places_never_move_back() -> None:
    """Up to the checkpoints, or up to a place and no further; partitions that the view has not are kept."""
    start, checkpoints = {0: 5, 1: 50, 3: 2}, {0: 9, 1: 40, 2: 7}
    assert {0: 9, 1: 50, 2: 7, 3: 2} == moved_on(start, checkpoints, None)
    assert {0: 7, 1: 50, 3: 2} == moved_on(start, checkpoints, (0, 6))
    assert {0: 9, 1: 50, 2: 4, 3: 2} == moved_on(start, checkpoints, (2, 3))
    assert {0: 5, 1: 50, 3: 2} == moved_on(start, checkpoints, (0, 3))
