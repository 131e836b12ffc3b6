"""The folder of `gputail up`: what is where in it, and the lock that keeps a second `up` out.

The lock is inherited by every child, so that it is held until the last of them has ended, also where the
supervisor was killed. Who finds it held by a run whose supervisor is gone waits for its last children.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

LOCK_NAME: Final = "lock"
LOCK_BYTES_MAX: Final = 64 * 1024


class FolderInUseError(Exception):
    """Another `gputail up` works on this folder; stop it first, or name another folder with --data-dir."""

    def __init__(self, path: Path, pid: int | None, children: Mapping[str, int] | None = None) -> None:
        self.is_orphaned = pid is None or not _is_alive(pid)
        """The supervisor is gone, and its children are about to be."""
        if self.is_orphaned:
            alive = [f"{name} (process {pid})" for name, pid in (children or {}).items() if _is_alive(pid)]
            left = ", ".join(alive) or "children"
            user = f"{left} of a gputail up that was killed: end {'it' if len(alive) == 1 else 'them'}"
        else:
            user = f"process {pid}: stop that gputail up"
        super().__init__(f"{path} is in use by {user} first, or name another folder with --data-dir")


class DataFolder:
    """The folder; made where it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute() if str(path).startswith("-") else path  # it stands in command lines
        self._lock: int | None = None

    @property
    def log(self) -> Path:
        """The broker's data directory."""
        return self.path / "log"

    @property
    def views(self) -> Path:
        """The view store."""
        return self.path / "views"

    @property
    def views_url(self) -> str:
        """The view store's address: absolute, whatever a child's folder is."""
        return f"sqlite:///{quote(str(self.views.absolute()))}"

    @property
    def logs(self) -> Path:
        """What the children log, a file for each."""
        return self.path / "logs"

    @property
    def lock_fd(self) -> int:
        """The lock's file descriptor, to be inherited; only while it is held."""
        assert self._lock is not None, "the folder is locked"
        return self._lock

    def acquire(self) -> None:
        """Make the folder, and be its only user; FolderInUseError, or OSError where that cannot be."""
        if self.path.is_symlink() and not self.path.exists():
            raise OSError(
                errno.ENOENT, f"it is a link to {self.path.readlink()}, which is not there", str(self.path)
            )
        for folder in (self.path, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        path = self.path / LOCK_NAME
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid, children = _users(os.pread(lock, LOCK_BYTES_MAX, 0))
            os.close(lock)
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                raise FolderInUseError(self.path, pid, children) from None
            raise OSError(error.errno, f"{error.strerror}: it cannot be locked", str(path)) from error
        self._lock = lock
        self.note_children({})

    def note_children(self, pids: Mapping[str, int]) -> None:
        """Say in the lock's file who works here, for whoever finds it held. OSError."""
        lines = [f"{os.getpid()}\n", *(f"{pid} {name}\n" for name, pid in pids.items())]
        text = "".join(lines).encode()
        before_bytes = os.fstat(self.lock_fd).st_size
        # Filled up: a reader must not find a rest of what was there.
        os.pwrite(self.lock_fd, text.ljust(before_bytes, b"\n"), 0)
        os.ftruncate(self.lock_fd, len(text))

    def children(self) -> Mapping[str, int]:
        """The children that were noted last, by name. OSError where nobody ever worked here."""
        return _users((self.path / LOCK_NAME).read_bytes())[1]

    def release(self) -> None:
        """Let the next one in, as far as this process is concerned."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def size_bytes(self) -> int:
        """What its files take."""
        return _size_bytes(self.path)


def _size_bytes(path: Path) -> int:
    total = 0
    with suppress(OSError), os.scandir(path) as entries:  # what is removed meanwhile takes nothing
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += _size_bytes(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _users(text: bytes) -> tuple[int | None, dict[str, int]]:
    """The supervisor, and its children by name, as far as the lock's file can be read."""
    pid, children = None, {}
    for line in text.decode(errors="replace").splitlines():
        digits, _, name = line.partition(" ")
        if digits.isdecimal() and name:
            children[name] = int(digits)
        elif digits.isdecimal():
            pid = int(digits)
    return pid, children


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
