"""Log files of children: appended to, and bounded."""

from __future__ import annotations

from pathlib import Path

from gputail.child_log import ChildLog


def test_lines_are_appended_across_runs(tmp_path: Path) -> None:
    """A restart loses none."""
    for line in (b"one\n", b"two\n"):
        log = ChildLog(tmp_path, "api")
        log.write(line)
        log.close()

    assert b"one\ntwo\n" == (tmp_path / "api.log").read_bytes()


def test_the_newest_lines_are_kept(tmp_path: Path) -> None:
    """Two files of the size allowed, whatever was written."""
    log = ChildLog(tmp_path, "api", bytes_max=100)
    for number in range(1000):
        log.write(b"line %04d\n" % number)
    log.close()

    old, new = (tmp_path / "api.log.1").read_bytes(), (tmp_path / "api.log").read_bytes()
    assert ["api.log", "api.log.1"] == sorted(path.name for path in tmp_path.iterdir())
    assert 100 == len(old)
    assert len(new) <= 100
    assert b"".join(b"line %04d\n" % number for number in range(990, 1000)) == (old + new)[-100:]


def test_a_line_that_is_too_long_has_a_file_of_its_own(tmp_path: Path) -> None:
    """It is not cut."""
    log = ChildLog(tmp_path, "api", bytes_max=10)
    log.write(b"a\n")
    log.write(b"b" * 50 + b"\n")
    log.close()

    assert 51 == (tmp_path / "api.log").stat().st_size
