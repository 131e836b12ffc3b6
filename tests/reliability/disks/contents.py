"""One file as a disk sees it: what is durable, and every version of each block written since.

A block is 512 bytes, the unit that a drive writes whole or not at all. After a power cut each block
that was written since the last flush holds its old content, any version written since, or its old
content with zeros where it was written (space that was allocated, its data not yet written); bytes
that were durable and not written again are never lost. The size is any that the file has had since
the last flush, or lies on a block boundary inside an extension.
"""

from __future__ import annotations

from random import Random

from tests.reliability.disks.luck import Fate, Luck

BLOCK_BYTES = 512

_Past = tuple[list[int], dict[int, list[bytes]], dict[int, bytes]]
"""Sizes, versions of each block, and the zeroed form of each block that was written."""


class Contents:
    """A file's bytes: `current` is what a read shows, `durable` what a power cut cannot take."""

    __slots__ = ("_durable", "_past", "_pending", "_sizes", "_suspects", "current", "number")

    def __init__(self, number: int, durable: bytes) -> None:
        self.number = number
        self._durable = durable
        self.current: bytes | bytearray = durable
        self._pending: list[tuple[int, bytes] | int] = []  # a write, or the size of a truncation
        self._sizes = [len(durable)]
        self._suspects: dict[int, list[bytes]] = {}
        self._past: _Past | None = None  # what `_history` found, until something changes

    def write(self, position: int, data: bytes) -> None:
        """Bytes taken by the page cache."""
        buffer = self._writable()
        if position > len(buffer):
            buffer += bytes(position - len(buffer))
        buffer[position : position + len(data)] = data
        self._pending.append((position, data))

    def truncate(self, size: int) -> None:
        """Cut, or extend with zeros."""
        _resize(self._writable(), size)
        self._pending.append(size)

    def flush(self) -> None:
        """All that is in the page cache and dirty is durable now."""
        if not self._pending and len(self._sizes) == 1:
            return
        if self._suspects:
            rewritten = self._versions()[1]
            self._suspects = {
                block: versions
                for block, versions in self._suspects.items()
                if len(rewritten[block]) == len(versions) and block * BLOCK_BYTES < len(self.current)
            }
        self._settle()

    def lose_flush(self) -> None:
        """A flush that failed: what was dirty is marked clean, is still shown, and may never be written."""
        sizes, versions, zeroed = self._history()
        for block, known in versions.items():
            if block in zeroed:
                known.insert(1, zeroed[block])
        self._settle()
        self._sizes = sizes
        self._suspects = versions

    def is_settled(self) -> bool:
        """Whether there is only one state that a power cut can leave."""
        return not self._pending and not self._suspects and len(self._sizes) == 1

    def cut(self, luck: Luck) -> bytes:
        """One legal content after a power cut."""
        if self.is_settled():
            return self._durable
        fate = luck.file_fate()
        sizes, versions, zeroed = self._history()
        size = _choose_size(sizes, fate, luck.rng)
        image = bytearray(self._durable)
        for block, known in versions.items():
            data = _choose_version(known, zeroed.get(block), fate, luck.rng)
            at = block * BLOCK_BYTES
            if len(image) < at + BLOCK_BYTES:
                _resize(image, at + BLOCK_BYTES)
            image[at : at + BLOCK_BYTES] = data.ljust(BLOCK_BYTES, b"\0")
        _resize(image, size)
        return bytes(image)

    def _writable(self) -> bytearray:
        self._past = None
        if not isinstance(self.current, bytearray):
            self.current = bytearray(self.current)
        return self.current

    def _settle(self) -> None:
        self._durable = bytes(self.current)
        self.current = self._durable
        self._pending = []
        self._sizes = [len(self._durable)]
        self._past = None

    def _history(self) -> _Past:
        """Sizes since the last flush, versions of each block (the old one first), and its zeroed form."""
        if self._past is not None:
            return self._past
        sizes, versions = self._versions()
        zeroed: dict[int, bytearray] = {}
        for change in self._pending:
            if isinstance(change, int):
                continue
            position, data = change
            for block in _blocks(position, len(data)):
                at = block * BLOCK_BYTES
                start, end = max(position - at, 0), min(position + len(data) - at, BLOCK_BYTES)
                if block not in zeroed:
                    zeroed[block] = bytearray(versions[block][0].ljust(BLOCK_BYTES, b"\0"))
                zeroed[block][start:end] = bytes(end - start)
        self._past = sizes, versions, {block: bytes(data) for block, data in zeroed.items()}
        return self._past

    def _versions(self) -> tuple[list[int], dict[int, list[bytes]]]:
        buffer = bytearray(self._durable)
        sizes = [*self._sizes]
        versions = {block: [*known] for block, known in self._suspects.items()}

        def note(block: int, before: bytes) -> None:
            at = block * BLOCK_BYTES
            versions.setdefault(block, [before]).append(bytes(buffer[at : at + BLOCK_BYTES]))

        for change in self._pending:
            position, length = (change, len(buffer) - change) if isinstance(change, int) else _extent(change)
            touched = _blocks(position, length)
            before = [bytes(buffer[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]) for block in touched]
            if isinstance(change, int):
                _resize(buffer, change)
            else:
                if position > len(buffer):
                    _resize(buffer, position)
                buffer[position : position + length] = change[1]
            for block, old in zip(touched, before, strict=True):
                note(block, old)
            if len(buffer) != sizes[-1]:
                sizes.append(len(buffer))
        return sizes, versions


def _extent(write: tuple[int, bytes]) -> tuple[int, int]:
    return write[0], len(write[1])


def _blocks(position: int, length: int) -> range:
    if length <= 0:
        return range(0)
    return range(position // BLOCK_BYTES, (position + length - 1) // BLOCK_BYTES + 1)


def _resize(buffer: bytearray, size: int) -> None:
    if size < len(buffer):
        del buffer[size:]
    else:
        buffer += bytes(size - len(buffer))


def _choose_size(sizes: list[int], fate: Fate, rng: Random) -> int:
    if fate is Fate.OLD:
        return sizes[0]
    if fate is not Fate.MIXED:
        return sizes[-1]
    chosen = rng.randrange(len(sizes))
    size = sizes[chosen]
    below = sizes[chosen - 1] if chosen else size
    boundaries = range((below // BLOCK_BYTES + 1) * BLOCK_BYTES, size, BLOCK_BYTES)
    return rng.choice(boundaries) if boundaries and rng.random() < 0.5 else size


def _choose_version(known: list[bytes], zeroed: bytes | None, fate: Fate, rng: Random) -> bytes:
    if fate is Fate.OLD:
        return known[0]
    if fate is Fate.NEW:
        return known[-1]
    if fate is Fate.ZERO:
        return zeroed if zeroed is not None else known[0]
    choice = rng.randrange(len(known) + (zeroed is not None))
    return known[choice] if choice < len(known) or zeroed is None else zeroed
