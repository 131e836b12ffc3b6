"""What the folder of one build says of it, beside its database.

    <build>/          flock of whoever says that it makes this build; it ends with the process
    <build>/role      `next`: made to be read, not yet current; `part`: the same, of a part of the log;
                      `kept`: it was read, and is kept beside

A build without a role is the current one, or has been replaced: what a swap that was interrupted did not
come to remove. Each change of a role is a rename, so that it is found whole after a crash.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Final, Literal

_ROLE: Final = "role"
_TRIES: Final = 10
_BETWEEN_S: Final = 0.01

StoredRole = Literal["next", "part", "kept"]
_ROLES: Final[Mapping[bytes, StoredRole]] = {b"next": "next", b"part": "part", b"kept": "kept"}


def role_of(build: Path) -> StoredRole | None:
    """What is said of a build; None where nothing is, or there is no such build."""
    try:
        text = (build / _ROLE).read_bytes().strip()
    except OSError:
        return None
    return _ROLES.get(text)


def set_role(build: Path, role: StoredRole) -> None:
    """Say it, durably."""
    beside = build / f"{_ROLE}.unfinished"
    beside.write_text(f"{role}\n", encoding="ascii")
    sync(beside)
    beside.rename(build / _ROLE)
    sync(build)


def clear_role(build: Path) -> None:
    """Say nothing more, durably."""
    if (build / _ROLE).exists():
        (build / _ROLE).unlink()
        sync(build)


def take_hold(build: Path) -> int | None:
    """A descriptor that holds the build for as long as it is open; None where another one does.

    Raises:
        FileNotFoundError: there is no such build.
    """
    for _ in range(_TRIES):
        descriptor = _locked(build, fcntl.LOCK_EX)
        if descriptor is not None:
            return descriptor
        Event().wait(_BETWEEN_S)  # somebody may only have looked
    return None


def is_held(build: Path) -> bool:
    """Whether somebody holds it, this process too."""
    try:
        descriptor = _locked(build, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _locked(build: Path, kind: int) -> int | None:
    descriptor = os.open(build, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def remove(build: Path, dying: Path) -> None:
    """Have a build gone at once, then free its room. Whoever has it open goes on undisturbed.

    The rename comes first: whoever opens it meanwhile finds all of its files, or none.
    """
    with suppress(FileNotFoundError):
        build.rename(dying)
        sync(dying.parent)
    shutil.rmtree(dying, ignore_errors=True)


def size_of(build: Path) -> int:
    """Bytes of all its files."""
    size = 0
    for path in build.iterdir():
        with suppress(OSError):
            size += path.stat().st_size
    return size


def sync(path: Path) -> None:
    """Flush a file or a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
