"""What one partition's files are, as they stand now, before any batch of them is read."""

from __future__ import annotations

from pathlib import Path

import attrs

from eventlog.errors import CorruptBatchError, ForeignFileError
from eventlog.record.header import HEADER_BYTES, BatchHeader
from eventlog.storage.disk import Disk, OpenMode
from eventlog.storage.partition_files import STATE_NAME, PartitionFiles, SegmentFile, classify
from eventlog.storage.recovery import RecoveryPlan, TornTail, plan_recovery
from eventlog.storage.resync import UNKNOWN_OFFSET
from eventlog.storage.scan import Place, Read, ScannedBatch, walk
from eventlog.storage.segment import INDEX_SUFFIX, LOG_SUFFIX, TIMEINDEX_SUFFIX, file_name, offset_of
from eventlog.storage.settings import TopicSettings
from eventlog.storage.state_slots import State, newest_slot

INDEX_INTERVAL_BYTES = TopicSettings().index_interval_bytes
"""Where the topic's own is not known."""


@attrs.frozen
class LogFile:
    """One `.log` in its place. `end_offset` is the base offset of the segment that follows.

    An offset that nothing says is UNKNOWN_OFFSET.
    """

    path: Path
    base_offset: int
    end_offset: int
    size_bytes: int
    modified_ms: int

    @property
    def start(self) -> Place:
        return Place(0, self.base_offset)

    @property
    def index_path(self) -> Path:
        return self.path.with_suffix(INDEX_SUFFIX)

    @property
    def timeindex_path(self) -> Path:
        return self.path.with_suffix(TIMEINDEX_SUFFIX)


@attrs.frozen
class PartitionPlace:
    """Where a partition lies, and what its topic says of it; `topic` is None for a lone copy."""

    folder: Path
    topic: str | None = None
    number: int | None = None
    index_interval_bytes: int | None = None
    """None where the topic's settings are not known."""
    is_live: bool = False


@attrs.frozen
class Partition:
    """A partition's files, or one file alone, with what is known of how far they were flushed."""

    place: PartitionPlace
    logs: tuple[LogFile, ...]
    expired: tuple[LogFile, ...] = ()
    """Segments wholly below the log start offset: retention was interrupted."""
    log_start_offset: int = 0
    state: State | None = None
    state_data: bytes | None = None
    snapshot_offsets: tuple[int, ...] = ()
    leftovers: tuple[str, ...] = ()
    plan: RecoveryPlan | None = None
    """What recovery would make of the folder; None beside a running writer, and for a lone file."""
    is_lone_file: bool = False

    @property
    def recovery_point(self) -> int | None:
        """The end known to be flushed; beside a writer that has noted none yet, nothing is."""
        if self.state is not None:
            return self.state.recovery_point
        return 0 if self.place.is_live else None

    @property
    def torn_tail(self) -> TornTail | None:
        return self.plan.torn_tail if self.plan is not None else None

    def is_torn(self, log: LogFile, position: int) -> bool:
        """Whether recovery would cut this byte."""
        torn = self.torn_tail
        return torn is not None and (
            log.base_offset in torn.removed_segments
            or (log.base_offset == torn.base_offset and position >= torn.position)
        )


async def look_at_partition(disk: Disk, place: PartitionPlace, *, with_plan: bool) -> Partition:
    """Look at a folder; ForeignFileError, NewerFormatError or OSError where it cannot be understood.

    Beside a running writer the order matters: a segment that was rolled after the recovery point was
    read, or removed before the log start offset was, is not missing.
    """
    before = await _read_state(disk, place.folder)
    files = classify(place.folder, await disk.list(place.folder))
    after = await _read_state(disk, place.folder) if place.is_live else before
    state = None if before is None else _newest(before)
    start = state if after is None else _newest(after)
    partition = _assemble(place, files, start)
    plan = None
    if with_plan and not place.is_live:
        plan = await plan_recovery(disk, place.folder, place.index_interval_bytes or INDEX_INTERVAL_BYTES)
    return attrs.evolve(partition, state=state, state_data=before, plan=plan)


def only(partition: Partition, path: Path) -> Partition:
    """The same partition, of which only one segment is to be read."""
    logs = tuple(log for log in (*partition.expired, *partition.logs) if log.path.name == path.name)
    start = max(partition.log_start_offset, *(log.base_offset for log in logs))
    return attrs.evolve(partition, logs=logs, expired=(), log_start_offset=start, snapshot_offsets=())


async def look_at_file(disk: Disk, path: Path) -> Partition:
    """Look at one `.log` alone: a copy, or what recovery set aside; any name will do if it ends in `.log`."""
    file = disk.open(path, OpenMode.READ)
    try:
        if path.suffix != LOG_SUFFIX:
            raise ForeignFileError(f"{path} is not a segment: its name does not end in {LOG_SUFFIX}")
        size_bytes = file.size()
        base_offset = _base_offset(file.pread, size_bytes, offset_of(path.name, LOG_SUFFIX))
    finally:
        file.close()
    log = LogFile(path, base_offset, UNKNOWN_OFFSET, size_bytes, 0)
    return Partition(
        PartitionPlace(path.parent),
        (log,),
        log_start_offset=max(base_offset, 0),
        is_lone_file=True,
    )


def _assemble(place: PartitionPlace, files: PartitionFiles, start: State | None) -> Partition:
    """The partition with its files in order; `start` says where its log begins."""
    log_start_offset = start.log_start_offset if start is not None else 0
    ends = [*(segment.base_offset for segment in files.segments[1:]), UNKNOWN_OFFSET]
    logs = [_log_file(place.folder, segment, end) for segment, end in zip(files.segments, ends, strict=False)]
    expired = [log for log in logs if UNKNOWN_OFFSET < log.end_offset <= log_start_offset]
    kept = logs[len(expired) :]
    if start is None and kept:
        log_start_offset = kept[0].base_offset
    return Partition(
        place,
        tuple(kept),
        tuple(expired),
        log_start_offset,
        snapshot_offsets=files.snapshot_offsets,
        leftovers=files.leftovers,
    )


def _log_file(folder: Path, segment: SegmentFile, end_offset: int) -> LogFile:
    path = folder / file_name(segment.base_offset, LOG_SUFFIX)
    return LogFile(path, segment.base_offset, end_offset, segment.size_bytes, segment.modified_ms)


async def _read_state(disk: Disk, folder: Path) -> bytes | None:
    try:
        return await disk.read(folder / STATE_NAME)
    except FileNotFoundError:
        return None


def _newest(data: bytes) -> State | None:
    slot = newest_slot(data)
    return None if slot is None else slot.state


def _base_offset(read: Read, size_bytes: int, named: int | None) -> int:
    """The offset at which a lone file begins: its name's, or else its first batch's, if that is good.

    A name is believed unless two batches in a row agree on another beginning: the file was renamed.
    """
    try:
        claimed = BatchHeader.parse(read(HEADER_BYTES, 0)).base_offset
    except CorruptBatchError:
        claimed = UNKNOWN_OFFSET
    agreeing = 0
    if claimed >= 0:
        for found in walk(read, Place(0, claimed), size_bytes, bodies=True):
            if not isinstance(found, ScannedBatch) or agreeing == 2:
                break
            agreeing += 1
    if named is None:
        return claimed if agreeing else UNKNOWN_OFFSET
    return claimed if agreeing == 2 else named
