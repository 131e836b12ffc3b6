"""The source csv:PATH."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
from pathlib import Path

import pytest

from ingest.errors import SourceError
from ingest.sources.csv_rows import BAD_ROWS_MAX, LINE_CHARS_MAX
from ingest.sources.dcgm_csv import CsvSource
from tests.ingest.sources.dumps import UUID, dump


def written(path: Path, text: str) -> CsvSource:
    """A source of a file with that text."""
    path.write_text(text, encoding="utf-8", newline="")
    return CsvSource(path)


async def opened(path: Path, text: str) -> CsvSource:
    """The same, opened."""
    source = written(path, text)
    await source.open()
    return source


async def test_a_file_is_played_without_end(tmp_path: Path) -> None:
    """It is parsed once: every pass is the same object."""
    source = await opened(tmp_path / "a.csv", dump({}, {"uuid": "GPU-2"}))
    assert [UUID, "GPU-2"] == [sample.gpu.uuid for sample in source.samples(1)]
    assert source.samples(1) is source.samples(1_000_000)
    assert source.pass_count is None
    assert [] == list(source.bad_rows)


async def test_the_id_tells_name_and_content(tmp_path: Path) -> None:
    """Twelve digits of its SHA-256, so that an edited file is another source."""
    text = dump({})
    source = await opened(tmp_path / "a.csv", text)
    assert f"csv:a.csv@{hashlib.sha256(text.encode()).hexdigest()[:12]}" == source.id
    assert source.id != (await opened(tmp_path / "a.csv", dump({"value": "1"}))).id


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are not UTF-8")
async def test_the_id_is_text_whatever_the_file_is_called(tmp_path: Path) -> None:
    """It goes into every event."""
    source = await opened(tmp_path / os.fsdecode(b"\xff.csv"), dump({}))
    assert source.id.encode().startswith("csv:\ufffd.csv@".encode())


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    """The file may be gone by then: what was read stays, as the id promises."""
    source = await opened(tmp_path / "a.csv", dump({}))
    before = source.samples(1)
    (tmp_path / "a.csv").unlink()
    await source.open()
    assert before is source.samples(1)


async def test_a_packed_file_is_read_too(tmp_path: Path) -> None:
    """With the name that it has."""
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(dump({}).encode()))
    source = CsvSource(tmp_path / "a.csv.gz")
    await source.open()
    assert 1 == len(source.samples(1))
    assert source.id.startswith("csv:a.csv.gz@")


async def test_bad_rows_are_skipped_and_told_of(tmp_path: Path) -> None:
    """A bounded number with line and reason; all are counted."""
    source = await opened(tmp_path / "a.csv", dump({}, *[{"value": "bad"}] * (BAD_ROWS_MAX + 1)))
    assert 1 == len(source.samples(1))
    assert BAD_ROWS_MAX + 1 == source.bad_row_count
    assert (3, "the value 'bad' is no decimal number") == (source.bad_rows[0].line, source.bad_rows[0].reason)
    assert BAD_ROWS_MAX == len(source.bad_rows)


async def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    """A spreadsheet writes one."""
    assert 1 == len((await opened(tmp_path / "a.csv", "\ufeff" + dump({}))).samples(1))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        (dump(), "it has a header and no rows"),
        (dump().rstrip(), "it has a header and no rows"),
        (dump({"uuid": ""}, {"value": "x"}), "none of its 2 rows is a sample; line 2: it has no uuid"),
        ("a,b\n1,2\n", "the header has no metric_name, uuid, Hostname, value: it begins 'a,b'"),
        (dump({}) + "x" * (LINE_CHARS_MAX + 1), "line 3 is longer than 1048576 characters"),
        ("a\0b", "it is a binary file, and should be a CSV file"),
    ],
    ids=range(8),
)
async def test_a_file_without_samples_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """In one line: the file, and what is wrong with it."""
    with pytest.raises(SourceError) as refused:
        await opened(tmp_path / "a.csv", text)
    assert f"{tmp_path / 'a.csv'}: {reason}" == str(refused.value)


async def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(SourceError, match=r"none\.csv: No such file or directory$"):
        await CsvSource(tmp_path / "none.csv").open()
