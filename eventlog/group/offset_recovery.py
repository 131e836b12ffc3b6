"""What a start finds of the offsets log: which file counts, what it says, and what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import attrs

from eventlog.errors import ForeignFileError
from eventlog.group.offset_file import ChangesRead, TornTail, end_of, read_offsets
from eventlog.group.offset_table import OffsetTable
from eventlog.storage.disk import Disk, Entry, OpenMode
from eventlog.storage.partition_files import UNFINISHED_SUFFIX
from eventlog.storage.quarantine import Quarantine
from eventlog.storage.scan import Damage
from eventlog.storage.segment import LOG_SUFFIX, file_name, offset_of

LABEL = "groups"
"""In the names of copies in quarantine."""

logger = logging.getLogger(__name__)


@attrs.frozen
class OffsetFiles:
    """The names in `groups/`."""

    numbers: tuple[int, ...]
    """Of the files, ascending: the last one counts, the others should have been removed."""
    leftovers: tuple[str, ...]
    """Files that never got their names."""

    @classmethod
    def classify(cls, folder: Path, entries: Iterable[Entry]) -> OffsetFiles:
        """Sort the names; hidden files are nobody's business. ForeignFileError for any other."""
        numbers, leftovers = [], []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            number = offset_of(entry.name.removesuffix(UNFINISHED_SUFFIX), LOG_SUFFIX)
            if number is None or entry.is_directory:
                raise ForeignFileError(
                    f"{folder / entry.name} is not a file of the offsets log; move it out of this folder"
                )
            if entry.name.endswith(UNFINISHED_SUFFIX):
                leftovers.append(entry.name)
            else:
                numbers.append(number)
        return cls(tuple(sorted(numbers)), tuple(leftovers))


@attrs.frozen
class RecoveredOffsets:
    """What the file that counts says; nothing has been changed yet but for copies in quarantine."""

    table: OffsetTable
    files: OffsetFiles
    next_number: int
    """The name of the file that is to be written next."""


async def recover_offsets(disk: Disk, folder: Path, quarantine: Quarantine) -> RecoveredOffsets:
    """Read the newest file, go on past damage, and set aside a copy of what cannot be kept as it is.

    Raises ForeignFileError, NewerFormatError and OSError.
    """
    files = OffsetFiles.classify(folder, await disk.list(folder))
    if not files.numbers:
        return RecoveredOffsets(OffsetTable(), files, 0)
    number = files.numbers[-1]
    path = folder / file_name(number, LOG_SUFFIX)
    found = await disk.run(partial(_read, disk, path, number))
    await _set_aside(quarantine, folder, files, found)
    table = OffsetTable(change for part in found if isinstance(part, ChangesRead) for change in part.changes)
    return RecoveredOffsets(table, files, max(number + 1, end_of(found, number).offset))


def _read(disk: Disk, path: Path, number: int) -> list[ChangesRead | Damage | TornTail]:
    file = disk.open(path, OpenMode.READ)
    try:
        return list(read_offsets(file.pread, number, file.size()))
    finally:
        file.close()


async def _set_aside(
    quarantine: Quarantine, folder: Path, files: OffsetFiles, found: Sequence[ChangesRead | Damage | TornTail]
) -> None:
    damages = [part for part in found if isinstance(part, Damage)]
    if damages:  # also the files that should be gone, for they may say what was lost
        for number in files.numbers:
            await quarantine.keep(LABEL, folder / file_name(number, LOG_SUFFIX), number, 0)
    for part in found:
        if isinstance(part, ChangesRead):
            continue
        damage = part.damage if isinstance(part, TornTail) else part
        number = files.numbers[-1]
        path = folder / file_name(number, LOG_SUFFIX)
        if isinstance(part, TornTail) and not damages:
            await quarantine.keep(LABEL, path, number, damage.position)
        is_torn = isinstance(part, TornTail)
        logger.log(
            logging.WARNING if is_torn else logging.ERROR,
            "a torn tail of the offsets log was set aside and cut"
            if is_torn
            else "a damaged batch of the offsets log is left out; the file was set aside",
            extra={
                "action": "recover",
                "file": str(path),
                "position": damage.position,
                "end_position": damage.end_position,
                "first_offset": damage.offset,
                "reason": damage.kind.value,
            },
        )
