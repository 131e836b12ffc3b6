"""The demo log: 10,000 records that look like telemetry, whole, and the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventlog import demo
from tests.eventlog.inspect.written import digest, log


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo log."""
    path = tmp_path_factory.mktemp("demo") / "log"
    assert 0 == demo.main([str(path)])
    return path


def test_there_are_ten_thousand_records(path: Path) -> None:
    """As many as are promised, in several partitions, segments and codecs; each value is JSON of a GPU."""
    said = log("dump", "--data-dir", path, "--json")

    records, batches = said.of_type("record"), said.of_type("batch")
    assert (0, 10_000) == (said.code, len(records))
    assert {"none", "gzip", "snappy", "lz4", "zstd"} == {batch["codec"] for batch in batches}
    assert len({batch["file"] for batch in batches}) > len({batch["partition"] for batch in batches}) > 1
    for record in records[::997]:
        assert f"GPU-{json.loads(record['value'])['gpu']:08x}" == record["key"]


def test_it_is_closed_in_order(path: Path) -> None:
    """Nothing is wrong with it, and recovery would have nothing to do."""
    said = log("verify", "--data-dir", path, "--json", "--explain")

    assert (0, []) == (said.code, said.of_type("finding"))
    assert {()} == {tuple(report["recovery"]["steps"]) for report in said.of_type("partition")}


def test_a_second_run_leaves_it_as_it_is(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a failure nor twice as many records."""
    before = [digest(segment) for segment in sorted(path.rglob("*.log"))]

    assert 0 == demo.main([str(path)])
    assert f"{path} holds demo.telemetry already\n" == capsys.readouterr().out
    assert before == [digest(segment) for segment in sorted(path.rglob("*.log"))]


def test_it_is_the_same_each_time() -> None:
    """No random number and no clock is in the records."""
    assert demo.records() == demo.records()


@pytest.mark.parametrize("argv", [[], ["a", "b"], ["--help"]])
def test_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It takes one directory."""
    assert 2 == demo.main(argv)
    assert "usage: python -m eventlog.demo DIR\n" == capsys.readouterr().err
