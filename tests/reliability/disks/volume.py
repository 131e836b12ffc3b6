"""A journaling file system in memory: names and contents, and what is durable of each.

A create, rename, unlink, mkdir or rmdir counts only after `sync_directory` of its folder. Until then
a power cut keeps any subset of the pending ones, but for two rules: changes of one name keep their
order (a later one brings the earlier ones with it), and a rename is one change: the old name or the
new one, never both and never neither. So syncing either folder of a rename settles both names, and
a rename into a new folder brings the folder with it.
A flush makes a file's content durable, not its name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from random import Random

from tests.reliability.disks.contents import Contents
from tests.reliability.disks.luck import Luck


class Directory:
    """A folder: the names that a listing shows, and those that a power cut cannot take."""

    __slots__ = ("current", "durable", "place")

    def __init__(self, place: tuple[Directory, str] | None) -> None:
        self.place = place
        self.current: dict[str, Node] = {}
        self.durable: dict[str, Node] = {}


Node = Contents | Directory
NameChange = list[tuple[Directory, str, Node | None]]
"""One change: a name set, a name removed (None), or both at once, which is a rename."""


class Volume:
    """The whole tree. Paths are absolute strings; files are written by number, as by descriptor."""

    def __init__(self) -> None:
        self.root = Directory(None)
        self._files: list[Contents] = []
        self._pending: list[NameChange] = []
        self._folders: dict[str, Directory] = {"": self.root}  # those found so far, by path

    # --- contents -------------------------------------------------------------------------------

    def write(self, number: int, position: int, data: bytes) -> None:
        self._files[number].write(position, data)

    def truncate(self, number: int, size: int) -> None:
        self._files[number].truncate(size)

    def flush(self, number: int) -> None:
        self._files[number].flush()

    def lose_flush(self, number: int) -> None:
        self._files[number].lose_flush()

    # --- names ----------------------------------------------------------------------------------

    def create(self, path: str) -> None:
        folder, name = self._folder_of(path)
        if name in folder.current:
            raise _error(errno.EEXIST, path)
        self._change([(folder, name, self._add_file(b""))])

    def make_directory(self, path: str) -> None:
        folder, name = self._folder_of(path)
        if name in folder.current:
            raise _error(errno.EEXIST, path)
        self._change([(folder, name, Directory((folder, name)))])

    def rename(self, source: str, target: str) -> None:
        old_folder, old_name = self._folder_of(source)
        new_folder, new_name = self._folder_of(target)
        if old_name not in old_folder.current:
            raise _error(errno.ENOENT, source)
        moved, replaced = old_folder.current[old_name], new_folder.current.get(new_name)
        if isinstance(replaced, Directory) and replaced.current:
            raise _error(errno.ENOTEMPTY, target)
        if replaced is not None and isinstance(replaced, Directory) != isinstance(moved, Directory):
            raise _error(errno.EISDIR if isinstance(replaced, Directory) else errno.ENOTDIR, target)
        if replaced is not moved:
            if isinstance(moved, Directory):
                moved.place = (new_folder, new_name)
            self._change([(old_folder, old_name, None), (new_folder, new_name, moved)])

    def unlink(self, path: str) -> None:
        folder, name = self._folder_of(path)
        if isinstance(self.find(path), Directory):
            raise _error(errno.EISDIR, path)
        self._change([(folder, name, None)])

    def remove_directory(self, path: str) -> None:
        folder, name = self._folder_of(path)
        found = self.find(path)
        if isinstance(found, Contents):
            raise _error(errno.ENOTDIR, path)
        if found.current:
            raise _error(errno.ENOTEMPTY, path)
        self._change([(folder, name, None)])

    def sync_directory(self, path: str) -> None:
        """The folder's pending changes are durable now, and what must come before them."""
        folder = self.directory(path)
        if self._pending:
            kept, self._pending = _split(
                self._pending, lambda change: any(where is folder for where, _, _ in change)
            )
            for change in kept:
                for where, name, node in change:
                    _put(where.durable, name, node)

    # --- looking --------------------------------------------------------------------------------

    def find(self, path: str) -> Node:
        """What has this name now; raises FileNotFoundError."""
        folder, name = self._folder_of(path)
        if not name:
            return folder
        found = folder.current.get(name)
        if found is None:
            raise _error(errno.ENOENT, path)
        return found

    def directory(self, path: str) -> Directory:
        """The folder of this name."""
        found = self.find(path)
        if isinstance(found, Contents):
            raise _error(errno.ENOTDIR, path)
        return found

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every path below the root and what it names now."""
        stack: list[tuple[str, Directory]] = [("", self.root)]
        while stack:
            at, folder = stack.pop()
            for name, node in folder.current.items():
                yield f"{at}/{name}", node
                if isinstance(node, Directory):
                    stack.append((f"{at}/{name}", node))

    # --- the power cut --------------------------------------------------------------------------

    def cut(self, rng: Random) -> Volume:
        """One legal state after a power cut now; of a settled volume, a copy."""
        luck = Luck.draw(rng)
        names: dict[Directory, dict[str, Node]] = {}
        for change in _split(self._pending, lambda _: luck.keeps_name_change())[0]:
            for folder, name, node in change:
                _put(names.setdefault(folder, dict(folder.durable)), name, node)
        image = Volume()
        image._grow(image.root, self.root, names, luck)
        return image

    def settled(self, changed: Mapping[str, bytes]) -> Volume:
        """A copy, files numbered as here, in which all is durable as it is now; other bytes in some files."""
        image = Volume()
        image._files = [Contents(number, b"") for number in range(len(self._files))]
        for path, node in self.walk():
            folder, name = image._folder_of(path)
            copy: Node = Directory((folder, name))
            if isinstance(node, Contents):
                copy = Contents(node.number, changed.get(path, bytes(node.current)))
                image._files[copy.number] = copy
            folder.current[name] = folder.durable[name] = copy
        return image

    def _grow(
        self, fresh: Directory, folder: Directory, names: dict[Directory, dict[str, Node]], luck: Luck
    ) -> None:
        for name, node in names.get(folder, folder.durable).items():
            if isinstance(node, Directory):
                child = Directory((fresh, name))
                self._grow(child, node, names, luck)
                fresh.durable[name] = child
            else:
                fresh.durable[name] = self._add_file(node.cut(luck))
        fresh.current = dict(fresh.durable)

    # --- inside ---------------------------------------------------------------------------------

    def _add_file(self, durable: bytes) -> Contents:
        contents = Contents(len(self._files), durable)
        self._files.append(contents)
        return contents

    def _change(self, change: NameChange) -> None:
        if any(isinstance(folder.current.get(name), Directory) for folder, name, _ in change):
            self._folders = {"": self.root}
        self._pending.append(change)
        for folder, name, node in change:
            _put(folder.current, name, node)

    def _folder_of(self, path: str) -> tuple[Directory, str]:
        parent, _, name = path.rpartition("/")
        folder = self._folders.get(parent)
        if folder is None:
            above, below = self._folder_of(parent)
            found = above.current.get(below)
            if found is None:
                raise _error(errno.ENOENT, path)
            if isinstance(found, Contents):
                raise _error(errno.ENOTDIR, path)
            folder = self._folders[parent] = found
        return folder, name


def _split(
    pending: list[NameChange], is_wanted: Callable[[NameChange], bool]
) -> tuple[list[NameChange], list[NameChange]]:
    """The wanted changes with the earlier ones of the same names, and the others; both in order."""
    kept: list[NameChange] = []
    left: list[NameChange] = []
    names: set[tuple[Directory, str]] = set()
    for change in reversed(pending):
        touched = [(folder, name) for folder, name, _ in change]
        if is_wanted(change) or not names.isdisjoint(touched):
            names.update(touched)
            if change[0][0] is not change[-1][0]:  # moved between folders
                names.update(_places_above(change[-1][0]))
            kept.append(change)
        else:
            left.append(change)
    return kept[::-1], left[::-1]


def _places_above(folder: Directory) -> Iterator[tuple[Directory, str]]:
    """The names that lead to a folder, and must exist for anything to be moved into it."""
    while folder.place is not None:
        yield folder.place
        folder = folder.place[0]


def _put(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
