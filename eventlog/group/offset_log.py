"""The offsets log: committed offsets on the volume, `DIR/groups/<n>.log`.

A commit is one or more records (`offset_record`); the commits that arrive while a flush runs are written as
one batch and share the next flush (group commit). Only then are they in `table`, and answered.

The file that counts is the one with the highest number. Its name is the offset of its first record, as a
segment's. Every start, a file that has grown, and a volume that refused a write or a flush lead to a new
one: the table is written whole, flushed, given its name, the folder is synced; then commits go there and
the old file is removed. Killed at any point, the highest whole file has all that was answered. So no start
has to trust pages that an earlier flush may have left undurable, and no write follows doubtful bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import attrs

from eventlog.clock import SteadyClock
from eventlog.errors import StorageFailedError
from eventlog.group.committed import Change, GroupOccupied, OffsetCommitted
from eventlog.group.offset_record import encode_change
from eventlog.group.offset_recovery import LABEL, recover_offsets
from eventlog.group.offset_table import OffsetTable
from eventlog.record.batch import encode_batch
from eventlog.storage.directory_files import GROUPS_NAME, QUARANTINE_NAME
from eventlog.storage.disk import Disk, File, OpenMode, flush, sync_directory, write_all
from eventlog.storage.partition_files import UNFINISHED_SUFFIX
from eventlog.storage.quarantine import Quarantine
from eventlog.storage.scan import Place
from eventlog.storage.segment import LOG_SUFFIX, file_name
from eventlog.storage.settings import FlushPolicy

T = TypeVar("T")

BATCH_RECORDS_MAX = 10_000
"""A batch takes whole commits up to so many records, and at least one commit."""

SNAPSHOT_BATCH_RECORDS = 50
"""A damaged batch of a snapshot costs no more than these."""

WAITING_RECORDS_MAX = 200_000
"""More than these wait for no flush: their commits are refused."""

COMPACTION_BYTES_MIN = 1024 * 1024
COMPACTION_RATIO = 4
"""A file is rewritten when it is larger than the one and holds so many times the records that live."""

logger = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class _Waiting:
    changes: tuple[Change, ...]
    done: asyncio.Future[None]


class OffsetLog:
    """The open offsets log; made by `open`, ended by `close`. `table` has what is durable, and only that.

    Under the policy `os` it has what is written; `upkeep` flushes.
    """

    def __init__(
        self, disk: Disk, path: Path, clock: SteadyClock, policy: FlushPolicy, table: OffsetTable
    ) -> None:
        self.table = table
        self.failure: OSError | None = None
        self._disk = disk
        self._folder = path / GROUPS_NAME
        self._quarantine = Quarantine(disk, path / QUARANTINE_NAME)
        self._clock = clock
        self._policy = policy
        self._next_number = 0
        """The least that the next file may be called: every attempt to name one has a name of its own."""
        self._file: File | None = None
        self._number = 0
        self._end = Place(0, 0)
        self._is_dirty = False
        self._is_closed = False
        self._stale: set[str] = set()
        self._queue: deque[_Waiting] = deque()
        self._waiting_records = 0
        self._wanted = asyncio.Event()
        self._round = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        disk: Disk,
        clock: SteadyClock,
        policy: FlushPolicy,
        is_current: Callable[[OffsetCommitted], bool],
    ) -> OffsetLog:
        """Recover the log of the data directory `path`, and begin a file.

        Offsets that are not `is_current` are left out: their topic was deleted. A group that had members has
        none any more, from now on.

        Raises ForeignFileError, NewerFormatError and OSError; what was there is there still.
        """
        folder = path / GROUPS_NAME
        await disk.make_directory(folder)
        await sync_directory(disk, path)
        recovered = await recover_offsets(disk, folder, Quarantine(disk, path / QUARANTINE_NAME))
        table = OffsetTable(_still_true(recovered.table.snapshot(), clock.now_ms(), is_current))
        log = cls(disk, path, clock, policy, table)
        log._next_number = recovered.next_number
        log._stale = {file_name(number, LOG_SUFFIX) for number in recovered.files.numbers}
        for name in recovered.files.leftovers:
            await disk.unlink(folder / name)
        await log._begin_file()
        return log

    @property
    def size_bytes(self) -> int:
        """Bytes in the file that counts."""
        return self._end.position

    def has_waiting(self, group_id: str) -> bool:
        """Whether changes of a group wait to be durable."""
        return any(getattr(change, "group_id", None) == group_id for change in self.waiting())

    def waiting(self) -> Iterator[Change]:
        """The changes that wait to be durable, in order."""
        for waiting in self._queue:
            yield from waiting.changes

    def append(self, changes: Iterable[Change]) -> asyncio.Future[None]:
        """Take changes in, all or none; the future ends when they are durable and in the table.

        StorageFailedError, raised or in the future: they are not, and will not be.
        """
        taken = tuple(changes)
        assert taken, "a commit changes something"
        if self.failure is not None:
            raise StorageFailedError(f"{self._folder}: {self.failure}; commits wait for the volume")
        if self._waiting_records >= WAITING_RECORDS_MAX:
            raise StorageFailedError(f"{self._folder}: too many commits wait for the volume")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(taken, done))
        self._waiting_records += len(taken)
        self._wanted.set()
        return done

    async def run(self) -> None:
        """Flush whenever something waits, until cancelled."""
        while True:
            await self._wanted.wait()
            await self.flush()

    async def flush(self) -> None:
        """Afterwards everything that was appended before is durable and answered, or refused."""
        await _finish(self._flush_all())

    async def upkeep(self) -> None:
        """What is due from time to time: a volume that failed, the flush of policy `os`, a new file.

        What the volume refuses is logged and tried again at the next turn.
        """
        await _finish(self._upkeep())

    async def close(self) -> None:
        """Flush and close; OSError where the flush failed."""
        await self.flush()
        async with self._round:
            assert self._file is not None, "it was opened"
            try:
                if self._is_dirty and self.failure is None:
                    await flush(self._disk, self._file)
            finally:
                self._file.close()
                self._is_closed = True
                self.failure = self.failure or OSError("the offsets log is closed")

    # --- commits ------------------------------------------------------------------------------

    async def _flush_all(self) -> None:
        async with self._round:
            self._wanted.clear()
            while self._queue:
                await self._flush_some()

    async def _flush_some(self) -> None:
        """Write one batch of waiting commits, and answer them."""
        work: list[_Waiting] = []
        count = 0
        for waiting in self._queue:
            if work and count + len(waiting.changes) > BATCH_RECORDS_MAX:
                break
            work.append(waiting)
            count += len(waiting.changes)
        now_ms = self._clock.now_ms()
        changes = [change for waiting in work for change in waiting.changes]
        try:
            end = await self._disk.run(partial(self._write, changes, now_ms))
        except OSError as error:
            self._fail(error)
            await self._restore()
            return
        self._end = end
        for waiting in work:
            self._queue.popleft()
            self._waiting_records -= len(waiting.changes)
            for change in waiting.changes:
                self.table.apply(change)
            if not waiting.done.done():
                waiting.done.set_result(None)

    def _write(self, changes: Sequence[Change], now_ms: int) -> Place:
        """Write the changes as one batch behind the end. Blocks; OSError: nothing of it counts."""
        assert self._file is not None, "it was opened"
        batch = _batch(changes, self._end.offset, now_ms)
        write_all(self._file, batch, self._end.position)
        if self._policy is FlushPolicy.GROUP:
            self._file.flush()
        else:
            self._is_dirty = True
        return Place(self._end.position + len(batch), self._end.offset + len(changes))

    # --- when the volume refuses --------------------------------------------------------------

    def _fail(self, error: OSError) -> None:
        """Refuse everybody who waits, and whoever comes until a new file has been begun."""
        logger.error(
            "commits were refused by the volume",
            extra={"action": "commit", "file": str(self._path(self._number)), "error": str(error)},
        )
        self.failure = error
        waiting, self._queue, self._waiting_records = self._queue, deque(), 0
        for one in waiting:
            if not one.done.done():
                one.done.set_exception(StorageFailedError(f"{self._folder}: {error}"))
                one.done.exception()  # whoever waited may be gone

    def _fail_if_closed_to_writes(self, error: OSError) -> None:
        if self.failure is not None:
            self._fail(error)

    async def _restore(self) -> None:
        """Set aside and cut what the file has behind the last good commit, and go on in a new one."""
        try:
            path = self._path(self._number)
            await self._quarantine.keep(LABEL, path, self._number, self._end.position)
            assert self._file is not None, "it was opened"
            self._file.truncate(self._end.position)
            await self._begin_file()
        except OSError as error:
            self.failure = error
        else:
            logger.warning("commits are taken again", extra={"action": "restore", "file": str(self._folder)})

    async def _upkeep(self) -> None:
        async with self._round:
            if self._is_closed:
                return
            if self.failure is not None:
                await self._restore()
                return
            try:
                if self._is_dirty:
                    assert self._file is not None, "it was opened"
                    self._is_dirty = False
                    await flush(self._disk, self._file)
            except OSError as error:
                self._fail(error)
                await self._restore()
                return
            try:
                if self._is_overgrown():
                    await self._begin_file()
                await self._remove_stale()
            except OSError as error:
                self._fail_if_closed_to_writes(error)
                logger.warning(
                    "the volume refused to compact the offsets log; it is tried again",
                    extra={"action": "compact", "file": str(self._folder), "error": str(error)},
                )

    def _is_overgrown(self) -> bool:
        records = self._end.offset - self._number
        return self._end.position > COMPACTION_BYTES_MIN and records > COMPACTION_RATIO * len(self.table)

    # --- files --------------------------------------------------------------------------------

    async def _begin_file(self) -> None:
        """Write the table into a new file and go on there; the failure, if there was one, is over.

        On OSError the old file goes on, unless the new one may have got its name: then a start would take
        that one, so nothing may be written to the old one any more.
        """
        disk, number = self._disk, max(self._next_number, self._end.offset)
        path = self._path(number)
        unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
        write = partial(_write_snapshot, disk, unfinished, self.table, number, self._clock.now_ms())
        end = await disk.run(write)
        self._next_number = number + 1
        self._stale.add(path.name)
        try:
            await disk.rename(unfinished, path)
            await sync_directory(disk, self._folder)
            file = disk.open(path, OpenMode.WRITE)
        except OSError as error:
            self.failure = error
            raise
        self._stale.discard(path.name)
        if self._file is not None:
            self._file.close()
            self._stale.add(self._path(self._number).name)
        self._file, self._number, self._end, self._is_dirty = file, number, end, False
        self.failure = None
        with suppress(OSError):  # `upkeep` tries again
            await self._remove_stale()

    async def _remove_stale(self) -> None:
        for name in sorted(self._stale):
            with suppress(FileNotFoundError):
                await self._disk.unlink(self._folder / name)
            self._stale.discard(name)

    def _path(self, number: int) -> Path:
        return self._folder / file_name(number, LOG_SUFFIX)


def _still_true(
    changes: Iterable[Change], now_ms: int, is_current: Callable[[OffsetCommitted], bool]
) -> Iterator[Change]:
    """What a start takes over: no topic that was deleted, and no member."""
    dropped = 0
    for change in changes:
        if isinstance(change, OffsetCommitted) and not is_current(change):
            dropped += 1
        elif isinstance(change, GroupOccupied) and change.empty_since_ms is None:
            yield attrs.evolve(change, empty_since_ms=now_ms)
        else:
            yield change
    if dropped:
        logger.warning(
            "committed offsets of deleted topics are dropped", extra={"action": "recover", "offsets": dropped}
        )


def _batch(changes: Sequence[Change], base_offset: int, now_ms: int) -> bytearray:
    return encode_batch([encode_change(change, now_ms) for change in changes], base_offset=base_offset)


def _write_snapshot(disk: Disk, path: Path, table: OffsetTable, number: int, now_ms: int) -> Place:
    """Write and flush a whole file. Blocks: call it through `Disk.run`, with the table at rest."""
    file = disk.open(path, OpenMode.CREATE)
    try:
        file.truncate(0)
        end, changes = Place(0, number), table.snapshot()
        while some := list(islice(changes, SNAPSHOT_BATCH_RECORDS)):
            batch = _batch(some, end.offset, now_ms)
            write_all(file, batch, end.position)
            end = Place(end.position + len(batch), end.offset + len(some))
        file.flush()
    finally:
        file.close()
    return end


async def _finish(work: Coroutine[None, None, T]) -> T:
    """Await work that is finished also where the caller is cancelled: its threads cannot be stopped."""
    return await asyncio.shield(asyncio.ensure_future(work))
