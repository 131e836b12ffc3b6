"""The lock of a data directory: one writer, who is named, and a file system that can lock."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from eventlog.errors import DirectoryLockedError, LockUnsupportedError
from eventlog.storage import disk as disk_module
from eventlog.storage.disk import PosixDisk

HOLDER = """
import asyncio, sys
from pathlib import Path
from eventlog.storage.disk import PosixDisk
lock = asyncio.run(PosixDisk().lock(Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def disk() -> Iterator[PosixDisk]:
    disk = PosixDisk()
    yield disk
    disk.close()


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "LOCK_WAIT_S", 0.06)


@pytest.mark.usefixtures("short_wait")
async def test_one_writer_holds_the_lock(disk: PosixDisk, tmp_path: Path) -> None:
    """The second is told who the first is, until it lets go; the file says who holds it."""
    path = tmp_path / "lock"
    path.write_bytes(b"a longer content of before")
    lock = await disk.lock(path)
    assert f"{os.getpid()}\n".encode() == path.read_bytes()
    assert await disk.is_locked(path)
    with pytest.raises(DirectoryLockedError) as raised:
        await disk.lock(path)
    expected = f"{tmp_path} is in use by process {os.getpid()}; stop it, or choose another data directory"
    assert expected == str(raised.value)
    lock.release()
    lock.release()
    assert not await disk.is_locked(path)
    again = await disk.lock(path)
    again.release()


@pytest.mark.usefixtures("short_wait")
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"someone"])
async def test_a_holder_that_does_not_say_who_it_is(disk: PosixDisk, tmp_path: Path, content: bytes) -> None:
    """Whatever the file holds, the refusal can be read."""
    path = tmp_path / "lock"
    path.write_bytes(content)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DirectoryLockedError, match="is in use by another process; stop it"):
            await disk.lock(path)
    assert content == path.read_bytes(), "who holds the lock still stands there"


async def test_a_writer_outwaits_an_inspector(disk: PosixDisk, tmp_path: Path) -> None:
    """An inspector's instant on the lock does not keep the writer from starting."""
    path = tmp_path / "lock"
    path.touch()
    inspector = path.open("rb")
    fcntl.flock(inspector, fcntl.LOCK_SH)
    asyncio.get_running_loop().call_later(0.02, inspector.close)
    lock = await disk.lock(path)
    assert inspector.closed
    lock.release()


async def test_inspectors_do_not_take_each_other_for_writers(disk: PosixDisk, tmp_path: Path) -> None:
    """While one looks whether a writer runs, another one sees none."""
    path = tmp_path / "lock"
    path.touch()
    with path.open("rb") as inspector:
        fcntl.flock(inspector, fcntl.LOCK_SH)
        assert not await disk.is_locked(path)


@pytest.mark.usefixtures("short_wait")
async def test_between_processes(disk: PosixDisk, tmp_path: Path) -> None:
    """Another process's lock is seen and respected, and is gone when the process is killed."""
    path = tmp_path / "lock"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(  # noqa: ASYNC220  # its pipe is read in a thread
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as holder:
        assert holder.stdout is not None
        assert b"held\n" == await disk.run(holder.stdout.readline)
        assert await disk.is_locked(path)
        with pytest.raises(DirectoryLockedError, match=f"in use by process {holder.pid};"):
            await disk.lock(path)
        holder.kill()
    assert not await disk.is_locked(path)
    lock = await disk.lock(path)
    lock.release()


async def test_asking_for_the_lock_writes_nothing(disk: PosixDisk, tmp_path: Path) -> None:
    """Without a lock file nobody holds it, and none is made."""
    assert not await disk.is_locked(tmp_path / "lock")
    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
async def test_a_file_system_that_cannot_lock_is_refused(
    disk: PosixDisk, tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that says what to do, for writers and inspectors, and no descriptor is left."""
    path = tmp_path / "lock"
    path.touch()
    monkeypatch.setattr(fcntl, "flock", _failing_with(code))
    for ask in (disk.lock, disk.is_locked):
        with pytest.raises(LockUnsupportedError) as raised:
            await ask(path)
        reason = os.strerror(code)
        assert str(raised.value) == (
            f"the file system of {tmp_path} cannot lock files ({reason}); "
            "choose a data directory on a local file system"
        )
    assert not _is_open(path)


def _is_open(path: Path) -> bool:
    """Whether this process has a descriptor of the file."""
    found = path.stat()
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # the one that listed them
            if os.path.samestat(os.fstat(number), found):
                return True
    return False


@pytest.mark.usefixtures("short_wait")
@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.EACCES])
async def test_both_ways_to_say_that_it_is_held(
    disk: PosixDisk, tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network file systems say EACCES where others say EWOULDBLOCK."""
    monkeypatch.setattr(fcntl, "flock", _failing_with(code))
    with pytest.raises(DirectoryLockedError):
        await disk.lock(tmp_path / "lock")
    assert await disk.is_locked(tmp_path / "lock")


async def test_any_other_error_is_told_as_it_is(
    disk: PosixDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An I/O error is neither a held lock nor a missing feature."""
    monkeypatch.setattr(fcntl, "flock", _failing_with(errno.EIO))
    with pytest.raises(OSError, match="Input/output") as raised:
        await disk.lock(tmp_path / "lock")
    assert errno.EIO == raised.value.errno


def _failing_with(code: int) -> object:
    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return flock
