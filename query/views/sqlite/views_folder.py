"""The builds of a folder of views, and which of them is read.

    DIR/lock                   flock of whoever makes a build or changes CURRENT
    DIR/CURRENT                the name of the build that is read; replaced as a whole
    DIR/<build>/view.sqlite    one build and SQLite's files of it; its name is <number>-<random>
    DIR/<build>/role           what a build is for that is not read; see `build_folder`
    DIR/unfinished-*           a build that somebody was making, or removing, when killed; removed by the next
    DIR/lost+found             an ext4 volume of its own has it; left alone

A build appears by a rename once it is whole, and is read once CURRENT names it.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from query.views.errors import BadViewsError, DamagedViewError, ViewUnavailableError
from query.views.sqlite.build_folder import clear_role, is_held, remove, role_of, sync

DATABASE_NAME: Final = "view.sqlite"
_CURRENT: Final = "CURRENT"
_LOCK: Final = "lock"
_UNFINISHED: Final = "unfinished-"
_LOST_AND_FOUND: Final = "lost+found"
_NAME: Final = re.compile(r"([0-9]{6})-[0-9a-f]{8}")


def database_of(folder: Path, build_name: str) -> Path:
    """Where a build's database is."""
    return folder / build_name / DATABASE_NAME


def make_anew(folder: Path) -> str:
    """What becomes of views that cannot be used as they are."""
    return f"collectors make the views anew from the log, and so does `{replay(folder)}`"


def replay(folder: Path) -> str:
    """The command that makes the views of this folder anew."""
    return f"gputail replay --views sqlite:///{quote(str(folder))}"


def current_build(folder: Path) -> str | None:
    """The name of the build that is read; None where there is none yet.

    Raises:
        DamagedViewError: CURRENT does not name a build.
        BadViewsError: there is no folder, but something else.
        ViewUnavailableError: it cannot be read.
    """
    name = written_current(folder)
    if name is not None and not is_name(name):
        raise DamagedViewError(f"{folder / _CURRENT} names no build ({name!r}); {make_anew(folder)}")
    return name


def written_current(folder: Path) -> str | None:
    """What CURRENT says, be it the name of a build or not; None where there is none."""
    path = folder / _CURRENT
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise BadViewsError(f"{folder} is no folder; choose another place for the views") from error
    except OSError as error:
        raise ViewUnavailableError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return os.read(fd, 64).decode("ascii", "replace").strip()
    finally:
        os.close(fd)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one to make builds and to change CURRENT; the folder is made where there is none.

    Raises:
        BadViewsError: the folder cannot be made, written or locked, or holds something else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(folder)
        fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise BadViewsError(
            f"views cannot be kept in {folder}: {error.strerror}; choose a folder that can be written"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise BadViewsError(
                f"the file system of {folder} cannot lock files ({error.strerror}); choose a local one"
            ) from error
        yield
    finally:
        os.close(fd)


def _refuse_foreign(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()} - {_LOCK, _LOST_AND_FOUND}
    foreign = {
        name for name in names if not name.startswith((_UNFINISHED, _CURRENT)) and not _NAME.fullmatch(name)
    }
    if foreign:
        raise BadViewsError(
            f"{folder} holds something else than views ({min(foreign)}); choose an empty folder for them"
        )


def begin(folder: Path) -> tuple[str, Path]:
    """Name and unfinished folder of a new build. Whoever calls holds the lock."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        if not is_held(path):
            shutil.rmtree(path)
    numbers = [0, *(int(name[:6]) for name in all_builds(folder))]
    # Never the name of an earlier build, though the folder be emptied: readers tell builds by their names.
    name = f"{max(numbers) + 1:06d}-{secrets.token_hex(4)}"
    unfinished = folder / f"{_UNFINISHED}{name}"
    unfinished.mkdir()
    return name, unfinished


def finish(folder: Path, name: str, unfinished: Path) -> None:
    """Let the build appear, durably. Whoever calls holds the lock."""
    for path in sorted(unfinished.iterdir()):
        sync(path)
    sync(unfinished)
    unfinished.rename(folder / name)
    sync(folder)


def all_builds(folder: Path) -> list[str]:
    """The names of all builds, in their order; none where there is no folder."""
    try:
        return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return []


def is_name(text: str) -> bool:
    """Whether a build may be called so."""
    return _NAME.fullmatch(text) is not None


def drop(folder: Path, name: str) -> None:
    """Have a build gone. Whoever calls holds the lock."""
    remove(folder / name, folder / f"{_UNFINISHED}{name}")


def drop_replaced(folder: Path, current: str) -> None:
    """Finish what an interrupted swap has begun. Whoever calls holds the lock."""
    for name in all_builds(folder):
        if name != current and role_of(folder / name) is None:
            drop(folder, name)
    clear_role(folder / current)


def make_current(folder: Path, name: str) -> None:
    """Have this build read from now on, durably. Whoever calls holds the lock."""
    path, beside = folder / _CURRENT, folder / f"{_CURRENT}.unfinished"
    beside.write_text(f"{name}\n", encoding="ascii")
    sync(beside)
    beside.rename(path)
    sync(folder)
