"""The contracts, over views in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from tests.query.views.contract_applying import CheckpointContract, WriterContract
from tests.query.views.contract_building import BuildingContract, SnapshotContract, SwapContract
from tests.query.views.contract_entries import EntriesContract
from tests.query.views.contract_gpus import GpuContract
from tests.query.views.contract_log_order import LogOrderContract
from tests.query.views.contract_maintaining import MaintenanceContract
from tests.query.views.contract_series import SeriesContract
from tests.query.views.sqlite_place import LAZY, SqlitePlace


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path / "views")
    yield place
    place.close()


class TestEntries(EntriesContract):
    """`EntriesContract` holds."""


class TestGpus(GpuContract):
    """`GpuContract` holds."""


class TestLogOrder(LogOrderContract):
    """`LogOrderContract` holds."""


class TestSeries(SeriesContract):
    """`SeriesContract` holds."""


class TestCheckpoints(CheckpointContract):
    """`CheckpointContract` holds."""


class TestWriters(WriterContract):
    """`WriterContract` holds."""


class TestBuilding(BuildingContract):
    """`BuildingContract` holds."""


class TestSwaps(SwapContract):
    """`SwapContract` holds."""


class TestSnapshots(SnapshotContract):
    """`SnapshotContract` holds."""


class TestMaintenance(MaintenanceContract):
    """`MaintenanceContract` holds."""


def test_the_lease_only_saves_work(tmp_path: Path) -> None:
    """Where it holds nobody back, all maintain at once, and still lose and double nothing."""
    place = SqlitePlace(tmp_path / "views", attrs.evolve(LAZY, lease_ms=0))
    with closing(place):
        MaintenanceContract().test_maintenance_in_many_threads(place)
