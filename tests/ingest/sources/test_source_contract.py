"""Every adapter of the port `Source` keeps its promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.sources.opening import SAMPLE_PATH, SAMPLE_SOURCE, open_source
from tests.ingest.sources.contract_source import MakeSource, SourceContract, opened
from tests.ingest.sources.dumps import dump


class TestCsv(SourceContract):
    is_static = True

    @pytest.fixture
    def make(self, tmp_path: Path) -> MakeSource:
        """Three samples, with a row in between that is none."""
        path = tmp_path / "a.csv"
        path.write_text(dump({}, {"uuid": ""}, {"value": "1"}, {"metric_name": "DCGM_FI_DEV_FB_USED"}))
        return lambda: open_source(f"csv:{path}")

    @pytest.fixture
    def make_other(self, tmp_path: Path) -> MakeSource:
        """A file of the same name."""
        folder = tmp_path / "other"
        folder.mkdir()
        (folder / "a.csv").write_text(dump({"value": "7"}))
        return lambda: open_source(f"csv:{folder / 'a.csv'}")

    async def test_an_edit_is_not_seen_by_who_has_it_open(self, make: MakeSource, tmp_path: Path) -> None:
        """Opened again, it is what it was; a new one is another source."""
        source = await opened(make)
        source_id, samples = source.id, source.samples(1)
        (tmp_path / "a.csv").write_text(dump({"value": "8"}))
        await source.open()
        assert source_id == source.id
        assert samples is source.samples(1)
        assert source_id != (await opened(make)).id


class TestSample(SourceContract):
    """The file that comes with the package."""

    is_static = True

    @pytest.fixture
    def make(self) -> MakeSource:
        return lambda: open_source(SAMPLE_SOURCE)

    @pytest.fixture
    def make_other(self, tmp_path: Path) -> MakeSource:
        """A file of the same name."""
        path = tmp_path / SAMPLE_PATH.name
        path.write_text(dump({}))
        return lambda: open_source(f"csv:{path}")


class TestSimulator(SourceContract):
    is_static = False

    @pytest.fixture
    def make(self) -> MakeSource:
        return lambda: open_source("sim:16@3")

    @pytest.fixture
    def make_other(self) -> MakeSource:
        return lambda: open_source("sim:16@4")
