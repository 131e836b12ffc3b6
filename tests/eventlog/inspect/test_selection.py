"""From and to: offsets, times, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlog.inspect.selection import Bound, parse_bound
from tests.eventlog.inspect.written import log, write_log

MS = 1_767_225_600_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Bound(offset=0)),
        ("9223372036854775807", Bound(offset=2**63 - 1)),
        ("2026-01-01T00:00:00Z", Bound(time_ms=MS)),
        ("2026-01-01t00:00:00z", Bound(time_ms=MS)),
        ("2026-01-01 00:00:00.25Z", Bound(time_ms=MS + 250)),
        ("2026-01-01T01:00:00.001+01:00", Bound(time_ms=MS + 1)),
        ("1969-12-31T23:59:59.500Z", Bound(time_ms=-500)),
    ],
)
def test_offsets_and_times_are_told_apart(text: str, expected: Bound) -> None:
    """A number is an offset, an RFC 3339 time a time."""
    assert expected == parse_bound(text)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "1.5", "9223372036854775808", "yesterday", "2026-01-01", "2026-01-01T00:00:00",
     "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "٣"],
)  # fmt: skip
def test_what_is_neither_is_refused(text: str) -> None:
    """A time without its zone is no time."""
    with pytest.raises(ValueError, match=r".+"):
        parse_bound(text)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 records of three segments and more, a second apart."""
    path = tmp_path_factory.mktemp("log")
    write_log(path)
    return path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], range(60)),
        (["--from", "31"], range(31, 60)),
        (["--to", "31"], range(31)),
        (["--from", "31", "--to", "32"], [31]),
        (["--from", "59"], [59]),
        (["--from", "60"], []),
        (["--from", "2026-01-01T00:00:31Z"], range(31, 60)),
        (["--from", "2026-01-01T00:00:30.001Z", "--to", "2026-01-01T00:00:33Z"], [31, 32]),
        (["--from", "2026-01-01T00:00:10Z", "--to", "12"], [10, 11]),
        (["--to", "2026-01-01T00:00:02Z"], [0, 1]),
        (["--from", "2027-01-01T00:00:00Z"], []),
        (["--limit", "4"], range(4)),
        (["--from", "31", "--limit", "4"], range(31, 35)),
        (["--limit", "0"], []),
    ],
    ids=str,
)
def test_what_is_selected_is_shown(path: Path, options: list[str], expected: list[int]) -> None:
    """From is inclusive, to exclusive, the limit counts records; and each stands below its batch."""
    said = log("dump", "--data-dir", path, "--json", *options)

    assert (0, "") == (said.code, said.err)
    assert list(expected) == said.offsets()
    assert {offset // 3 for offset in expected} == {b["base_offset"] // 3 for b in said.of_type("batch")}


def test_headers_only_counts_batches(path: Path) -> None:
    """No record is shown; a batch is when its offsets and times may hold a wanted record."""
    where = ("dump", "--data-dir", path, "--json", "--headers-only")

    said = log(*where, "--from", "31", "--limit", "2")
    timed = log(*where, "--from", "2026-01-01T00:00:10Z", "--to", "2026-01-01T00:00:12Z")

    assert ([30, 33], []) == ([b["base_offset"] for b in said.of_type("batch")], said.offsets())
    assert [9] == [b["base_offset"] for b in timed.of_type("batch")]


def test_an_index_that_leads_astray_is_not_followed(tmp_path: Path) -> None:
    """Whatever the indexes say, the same records are found."""
    folder = write_log(tmp_path)
    for index in folder.glob("*index"):
        data = bytearray(index.read_bytes())
        data[:4] = b"\xff" * 4 if data else b""
        index.write_bytes(data)

    assert list(range(13, 60)) == log("dump", "--data-dir", tmp_path, "--json", "--from", "13").offsets()


def test_a_good_index_of_another_log_is_not_followed(tmp_path: Path) -> None:
    """An entry with a right checksum that names no batch boundary costs time, not records."""
    ours, theirs = write_log(tmp_path / "a"), write_log(tmp_path / "b", [bytearray(b) for b in _larger()])
    name = "00000000000000000000.index"
    (ours / name).write_bytes((theirs / name).read_bytes())

    said = log("dump", "--data-dir", tmp_path / "a", "--json", "--from", "13")
    checked = log("verify", "--data-dir", tmp_path / "a", "--json")

    assert list(range(13, 60)) == said.offsets()
    assert (0, ["note"]) == (checked.code, [f["severity"] for f in checked.of_type("finding")])
    assert "no batch bears out" in checked.out


def _larger() -> list[bytearray]:
    from tests.eventlog.inspect.written import batch

    return [batch(7 * number, 7) for number in range(4)]
