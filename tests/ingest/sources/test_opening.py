"""Sources by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors import SourceError
from ingest.sources.opening import SAMPLE_PATH, SAMPLE_SOURCE, open_source
from tests.ingest.sources.dumps import dump


async def test_a_file_is_named_by_its_path(tmp_path: Path) -> None:
    """Everything after the first colon; more colons are part of it."""
    path = tmp_path / "a:b.csv"
    path.write_text(dump({}))
    source = open_source(f"csv:{path}")
    await source.open()
    assert 1 == len(source.samples(1))


async def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell sees it behind the colon."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text(dump({}))
    source = open_source("csv:~/a.csv")
    await source.open()
    assert source.id.startswith("csv:a.csv@")


@pytest.mark.parametrize(
    ("name", "source_id"), [("sim:8", "sim:8@1"), ("sim:8@7", "sim:8@7"), ("sim:008@0", "sim:8@0")]
)
def test_a_fleet_is_named_by_its_size_and_seed(name: str, source_id: str) -> None:
    """The seed may be left out."""
    assert source_id == open_source(name).id


async def test_the_sample_comes_with_the_package() -> None:
    """It is a file like any other."""
    source = open_source(SAMPLE_SOURCE)
    await source.open()
    assert source.id.startswith(f"csv:{SAMPLE_PATH.name}@")


@pytest.mark.parametrize(
    "name",
    [
        *("", "csv", "csv:", "CSV:a.csv", "a.csv", "sample:", "kafka:x", "sim", "sim:", "sim:x", "sim:-1"),
        *("sim:1.5", "sim:8@", "sim:8@x", "sim:٣", "sim:8\n"),
    ],
)
def test_what_is_no_source_is_refused(name: str) -> None:
    """In one line with examples."""
    with pytest.raises(SourceError) as refused:
        open_source(name)
    line = str(refused.value)
    assert line.startswith(
        f"there is no source {name!r}: name csv:PATH (csv:telemetry.csv), sim:GPUS (sim:64"
    )
    assert "\n" not in line


def test_a_file_is_played_without_numpy() -> None:
    """It takes a tenth of a second and memory, and only simulated fleets need it."""
    code = "import sys; from ingest.sources.opening import open_source; import ingest.streamer; "
    code += "open_source('sample'); print('numpy' in sys.modules)"
    assert (
        b"False\n" == subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout
    )


def test_an_impossible_fleet_is_refused() -> None:
    """With its bounds."""
    with pytest.raises(SourceError, match="a simulated fleet of 0 GPUs: from 1 to 100000 are possible"):
        open_source("sim:0")
