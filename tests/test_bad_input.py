"""What a user can get wrong: one line on stderr, no traceback, the right exit code, nothing touched."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from eventlog import demo
from eventlog.inspect import inspector
from eventlog.inspect.read_only_disk import ReadOnlyDisk
from eventlog.record.checksum import crc32c
from eventlog.storage.disk import Disk, PosixDisk
from gputail.cli import main
from tests.eventlog.inspect.written import digest, segments, write_log
from tests.reliability.disks.faulty import Fault, FaultyDisk, Kind

READERS = ("topics", "segments", "dump", "verify")


@attrs.frozen
class Case:
    """A command on a data directory that has been spoilt; `{}` in its arguments is that directory."""

    argv: tuple[str, ...]
    complaint: str
    code: int = 1
    spoil: Callable[[Path], object] = lambda _: None
    disk: Callable[[], Disk] | None = None


def reading(complaint: str, spoil: Callable[[Path], object], verbs: tuple[str, ...] = READERS) -> list[Case]:
    """The same for each verb that only reads."""
    return [Case(("log", verb, "--data-dir", "{}"), complaint, spoil=spoil) for verb in verbs]


def writing(complaint: str, spoil: Callable[[Path], object] = lambda _: None, **options: Any) -> Case:
    """The same for the command that writes."""
    return Case(("demo", "{}"), complaint, spoil=spoil, **options)


def usage(complaint: str, *argv: str) -> Case:
    """Bad usage of a command."""
    return Case(("log", *argv), complaint, code=2)


# --- what is spoilt ----------------------------------------------------------------------------


def partition(path: Path) -> Path:
    return path / "topics" / "t" / "0"


def newer_json(file: Path) -> None:
    envelope = json.loads(file.read_text())
    file.write_text(json.dumps({**envelope, "format": 99}))


def newer_state(path: Path) -> None:
    file = partition(path) / "state"
    data = bytearray(file.read_bytes())
    for at in (0, 512):
        data[at + 5] = 99
        data[at + 32 : at + 36] = crc32c(bytes(data[at : at + 32])).to_bytes(4, "big")
    file.write_bytes(data)


def newer_producers(path: Path) -> None:
    for file in partition(path).glob("*.producers"):
        data = bytearray(file.read_bytes()[:-4])
        data[5] = 99
        file.write_bytes(data + crc32c(bytes(data)).to_bytes(4, "big"))


def dotted_topic(path: Path) -> None:
    file = path / "topics" / "t" / "topic.json"
    body = {**json.loads(file.read_text())["body"], "name": "../t"}
    packed = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    file.write_text(json.dumps({"format": 1, "crc32c": f"{crc32c(packed):08x}", "body": body}))


def foreign_file(path: Path) -> None:
    (partition(path) / "notes.txt").write_text("mine")


def foreign_topic(path: Path) -> None:
    (path / "topics" / "notes.txt").write_text("mine")


def lost_topic_file(path: Path) -> None:
    (path / "topics" / "t" / "topic.json").unlink()


def renamed_topic(path: Path) -> None:
    (path / "topics" / "t").rename(path / "topics" / "u")


def ordinary_folder(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()
    (path / "letter.txt").write_text("mine")


def no_folder(path: Path) -> None:
    shutil.rmtree(path)


def plain_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("mine")


class Failing(FaultyDisk):
    """A volume that is gone: each operation of a kind fails from the nth on."""

    def __init__(self, kind: Kind, nth: int = 1) -> None:
        self.posix = PosixDisk()
        super().__init__(self.posix, Fault(kind, nth, once=False))

    def close(self) -> None:
        self.posix.close()


class Full(FaultyDisk):
    """A volume with little room."""

    def __init__(self, capacity_bytes: int) -> None:
        self.posix = PosixDisk()
        super().__init__(self.posix, capacity_bytes=capacity_bytes)

    def close(self) -> None:
        self.posix.close()


class ReadOnly(ReadOnlyDisk):
    """A volume that is mounted read-only."""

    def __init__(self) -> None:
        self.posix = PosixDisk()
        super().__init__(self.posix)

    def close(self) -> None:
        self.posix.close()


def gone(verb: str, kind: Kind) -> Case:
    argv = ("log", verb, "--data-dir", "{}")
    return Case(argv, "Input/output error", disk=lambda: Failing(kind))


CASES = [
    *reading("notes.txt is not a file of the log; move it out of this folder", foreign_file),
    *reading("notes.txt is not a topic; move it out of this folder", foreign_topic),
    *reading("meta.json has format 99, this gputail knows 1", lambda p: newer_json(p / "meta.json")),
    *reading("topic.json has format 99", lambda p: newer_json(p / "topics" / "t" / "topic.json")),
    *reading("the partition state has format 99", newer_state),
    *reading("a producer snapshot has format 99", newer_producers, ("dump", "verify")),
    *reading("cannot be a topic name", dotted_topic, ("topics", "segments", "dump")),
    *reading("holds records but no topic.json", lost_topic_file),
    *reading("holds the topic 't'; give the folder its name", renamed_topic),
    *reading("is not a data directory", ordinary_folder),
    *reading("No such file or directory", no_folder),
    *reading("Not a directory", plain_file),
    *[gone(verb, kind) for verb in READERS for kind in (Kind.LIST, Kind.READ)],
    gone("dump", Kind.OPEN),
    gone("verify", Kind.OPEN),
    Case(("log", "dump", "{}/letter.txt"), "its name does not end in .log", spoil=ordinary_folder),
    Case(("log", "verify", "{}"), "is neither a data directory nor", spoil=ordinary_folder),
    Case(("log", "dump", "{}/nothing"), "No such file or directory"),
    Case(("log", "verify", "{}/meta.json/below"), "Not a directory"),
    Case(("log", "topics", "--data-dir", "{}/meta.json/below"), "Not a directory"),
    usage("--data-dir DIR, or the path", "dump"),
    usage("--data-dir DIR, or the path", "verify"),
    usage("--data-dir", "topics"),
    usage("--nope", "dump", "--data-dir", "{}", "--nope"),
    usage("nope", "nope"),
    usage("'..' cannot be a topic name", "dump", "--data-dir", "{}", "--topic", ".."),
    usage("'../t' cannot be a topic name", "verify", "--data-dir", "{}", "--topic", "../t"),
    usage("an offset (1200) or a time with its zone", "dump", "--data-dir", "{}", "--from", "yesterday"),
    usage("an offset (1200) or a time with its zone", "dump", "--data-dir", "{}", "--to", "2026-01-01"),
    usage("2026-02-30T00:00:00Z", "dump", "--data-dir", "{}", "--from", "2026-02-30T00:00:00Z"),
    usage("--limit", "dump", "--data-dir", "{}", "--limit", "many"),
    usage("a whole number from 0 on", "dump", "--data-dir", "{}", "--limit", "-1"),
    usage("a whole number from 0 on", "segments", "--data-dir", "{}", "--partition", "-1"),
    usage("octal", "dump", "--data-dir", "{}", "--bytes-as", "octal"),
    writing("notes.txt is not a file of the log", foreign_file),
    writing("notes.txt is not a topic", foreign_topic),
    writing("meta.json has format 99", lambda p: newer_json(p / "meta.json")),
    writing("topic.json has format 99", lambda p: newer_json(p / "topics" / "t" / "topic.json")),
    writing("the partition state has format 99", newer_state),
    writing("a producer snapshot has format 99", newer_producers),
    writing("cannot be a topic name", dotted_topic),
    writing("holds records but no topic.json", lost_topic_file),
    writing("it is not a data directory; choose an empty one", ordinary_folder),
    writing("File exists", plain_file),
    Case(("demo", "{}/meta.json/below"), "Not a directory"),
    writing("No space left on device", disk=lambda: Full(400)),
    writing("would be left on the volume", disk=lambda: Full(1_000_000)),
    writing("Read-only file system", disk=ReadOnly),
    writing("Input/output error", disk=lambda: Failing(Kind.LIST)),
    writing("Input/output error", disk=lambda: Failing(Kind.READ)),
    writing("Input/output error", disk=lambda: Failing(Kind.WRITE)),
    writing("Input/output error", disk=lambda: Failing(Kind.FLUSH, 30)),
    Case(("demo",), "usage: python -m eventlog.demo DIR", code=2),
]


def run(argv: list[str]) -> tuple[int, str]:
    """The exit code and stderr of a command."""
    stderr = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr):
        code = demo.main(argv[1:]) if argv[0] == "demo" else main(argv)
    return code, stderr.getvalue()


@pytest.mark.parametrize("case", CASES, ids=[f"{n}: {case.argv[:2]}" for n, case in enumerate(CASES)])
def test_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    """It is told in one line, and every file that was there is what it was; readers add none."""
    path = tmp_path / "data"
    write_log(path)
    case.spoil(path)
    if case.disk is not None:
        for module in (demo, inspector):
            monkeypatch.setattr(module, "PosixDisk", case.disk)
    before = contents(tmp_path)

    code, err = run([argument.replace("{}", str(path)) for argument in case.argv])

    after = contents(tmp_path)
    assert (case.code, 1) == (code, err.count("\n")), err
    assert case.complaint in err
    assert "Traceback" not in err
    if case.argv[0] == "demo":
        after = {name: after.get(name, "gone") for name in before}
    if case.disk is not None:  # the log was opened, and says so in its state
        before, after = without_states(before), without_states(after)
    assert before == after


def contents(path: Path) -> dict[str, str]:
    """Every file that a command may not touch, by its name: all but the lock, which holds a process id."""
    files = [file for file in path.rglob("*") if file.is_file() and file.name != "lock"]
    return {str(file): digest(file) for file in files}


def without_states(files: dict[str, str]) -> dict[str, str]:
    return {name: content for name, content in files.items() if not name.endswith("/state")}


def test_a_directory_already_locked(tmp_path: Path) -> None:
    """A second writer is told by whom the directory is used, and changes nothing; readers may read."""
    path = tmp_path / "data"
    write_log(path)

    async def beside() -> tuple[int, str]:
        disk = PosixDisk()
        lock = await disk.lock(path / "lock")
        before = digest(path)
        found = await asyncio.to_thread(run, ["demo", str(path)])
        assert before == digest(path)
        assert (0, "") == await asyncio.to_thread(run, ["log", "verify", "--data-dir", str(path)])
        lock.release()
        disk.close()
        return found

    code, err = asyncio.run(beside())

    assert (1, 1) == (code, err.count("\n"))
    assert "is in use by process" in err


# --- a volume of its own, where one may be mounted ---------------------------------------------


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB with a log on it; a plain folder where nothing may be mounted."""
    path = tmp_path / "volume"
    path.mkdir()
    may_mount = sys.platform == "linux" and mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path))
    write_log(path / "data")
    yield path
    if may_mount:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def mount(*arguments: str) -> bool:
    try:
        return 0 == subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


def test_a_small_volume(volume: Path) -> None:
    """A volume without room for a demo log is told, and what is on it stays as it is."""
    if not volume.is_mount():
        return
    before = contents(volume / "data")

    code, err = run(["demo", str(volume / "data")])

    assert (1, 1) == (code, err.count("\n"))
    assert "would be left on the volume" in err
    after = contents(volume / "data")
    assert without_states(before) == {name: after.get(name) for name in without_states(before)}


def test_a_read_only_volume(volume: Path) -> None:
    """Readers need no right to write; a writer is told."""
    if not (volume.is_mount() and mount("-o", "remount,ro", str(volume))):
        return

    for verb in READERS:
        assert (0, "") == run(["log", verb, "--data-dir", str(volume / "data")])
    code, err = run(["demo", str(volume / "data")])
    assert (1, 1) == (code, err.count("\n"))
    assert "Read-only file system" in err


def test_no_traceback_reaches_a_real_process(tmp_path: Path) -> None:
    """The same holds of the processes that users start."""
    (tmp_path / "letter.txt").write_text("mine")
    root = Path(__file__).parents[1]
    for argv in (["gputail", "log", "verify", "--data-dir"], ["eventlog.demo"]):
        done = subprocess.run(
            [sys.executable, "-m", *argv, str(tmp_path)],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (1, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert ["letter.txt"] == [path.name for path in tmp_path.iterdir()]


def test_segments_are_what_the_helpers_say(tmp_path: Path) -> None:
    """The directory that is spoilt here holds a log worth spoiling."""
    assert len(segments(write_log(tmp_path))) > 1
