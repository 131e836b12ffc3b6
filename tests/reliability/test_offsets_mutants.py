"""H1 for committed offsets: each way to break their log is caught by the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import attrs
import pytest

from eventlog.group import offset_file, offset_log
from eventlog.group.committed import Change
from eventlog.group.offset_log import OffsetLog
from eventlog.group.offset_table import OffsetTable
from eventlog.storage import scan
from eventlog.storage.disk import Disk, OpenMode, write_all
from eventlog.storage.quarantine import Quarantine
from eventlog.storage.scan import Damage, Place, Read
from tests.reliability.offset_cuts import check_offset_cuts
from tests.reliability.offset_damage import check_cut_offsets, check_flips_in_offsets
from tests.reliability.offset_faults import check_offset_faults

SEED = 20_250_101
"""Fixed: a mutant is caught every time."""


def write_without_flush(self: OffsetLog, changes: Sequence[Change], now_ms: int) -> Place:
    assert self._file is not None
    batch = offset_log._batch(changes, self._end.offset, now_ms)
    write_all(self._file, batch, self._end.position)
    return Place(self._end.position + len(batch), self._end.offset + len(changes))


def snapshot_without_flush(disk: Disk, path: Path, table: OffsetTable, number: int, now_ms: int) -> Place:
    file = disk.open(path, OpenMode.CREATE)
    file.truncate(0)
    changes = list(table.snapshot())
    batch = offset_log._batch(changes, number, now_ms) if changes else b""
    write_all(file, batch, 0) if batch else None
    file.close()
    return Place(len(batch), number + len(changes))


async def names_without_sync(disk: Disk, path: Path) -> None:
    pass


async def doubtful_tail_kept(self: OffsetLog) -> None:
    self.failure = None


async def no_copy(self: Quarantine, label: str, source: Path, base_offset: int, position: int) -> None:
    pass


def given_up_to_the_end(read: Read, damage: Damage, anchors: Iterable[Place], end: Place) -> Damage:
    return attrs.evolve(damage, end_position=end.position, next_offset=end.offset)


R2 = partial(check_offset_cuts, seed=SEED, states=800)
R4 = partial(check_offset_faults, seed=SEED, stride=2)
FLIPS = partial(check_flips_in_offsets, seed=SEED)
CUTS = partial(check_cut_offsets, seed=SEED)


@pytest.mark.parametrize(
    ("target", "name", "mutation", "check"),
    [
        (OffsetLog, "_write", write_without_flush, R2),
        (offset_log, "_write_snapshot", snapshot_without_flush, R2),
        (offset_log, "sync_directory", names_without_sync, R2),
        (OffsetLog, "_restore", doubtful_tail_kept, R4),
        (Quarantine, "keep", no_copy, CUTS),
        (scan, "crc32c", lambda data, checksum=0: 0, FLIPS),
        (offset_file, "bound", given_up_to_the_end, FLIPS),
    ],
    ids=[
        "no flush of commits",
        "no flush of a new file",
        "no sync of the folder",
        "doubtful tail kept",
        "no copy in quarantine",
        "checksum not checked",
        "all after damage given up",
    ],
)
def test_the_check_catches_the_mutant(
    target: object, name: str, mutation: object, check: Callable[[], None]
) -> None:
    """Broken in this way, the log does not pass."""
    with patch.object(target, name, mutation), pytest.raises(Exception, match=r"offsets|start|kept|corrupt"):
        check()
