"""The contracts, over views in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres_server import PostgresServer
from tests.query.views.contract_applying import CheckpointContract, WriterContract
from tests.query.views.contract_building import BuildingContract, SnapshotContract, SwapContract
from tests.query.views.contract_entries import EntriesContract
from tests.query.views.contract_gpus import GpuContract
from tests.query.views.contract_log_order import LogOrderContract
from tests.query.views.contract_maintaining import MaintenanceContract
from tests.query.views.contract_series import SeriesContract
from tests.query.views.postgres_place import OwnPostgresPlace


@pytest.fixture
def place(postgres: PostgresServer) -> Iterator[OwnPostgresPlace]:
    place = OwnPostgresPlace(postgres)
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
