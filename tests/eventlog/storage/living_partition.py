"""One partition on a disk in memory, which a test feeds, damages, kills and opens again."""

from __future__ import annotations

from pathlib import Path

import attrs

from eventlog.clock import SteadyClock
from eventlog.record import Codec, Record, decode_batch, encode_batch
from eventlog.storage.appended import Appended
from eventlog.storage.flusher import Flusher
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.segment import INDEX_SUFFIX, LOG_SUFFIX, TIMEINDEX_SUFFIX, file_name
from eventlog.storage.settings import LogSettings, TopicSettings
from eventlog.storage.volume import Volume
from tests.eventlog.storage.watched_disk import WatchedDisk
from tests.reliability.disks.faulty import FaultyDisk
from tests.reliability.disks.power_cut import ROOT
from tests.reliability.ledger import split_batches
from tests.reliability.manual_clock import ManualClock

DATA = ROOT / "data"
FOLDER = DATA / "topics" / "t" / "0"
STATE = FOLDER / "state"
QUARANTINE = DATA / "quarantine"
PLENTY = 1 << 20
START_MS = 1_700_000_000_000


def batch(
    *values: bytes | str,
    timestamps_ms: tuple[int, ...] = (),
    producer: tuple[int, int, int] = (-1, -1, -1),
    codec: Codec = Codec.NONE,
) -> bytearray:
    """A batch with a record for each value; `producer` is its id, epoch and base sequence."""
    times = timestamps_ms or (START_MS,) * len(values)
    records = [
        Record(None, value.encode() if isinstance(value, str) else value, (), timestamp_ms)
        for value, timestamp_ms in zip(values, times, strict=True)
    ]
    number, epoch, sequence = producer
    return encode_batch(
        records, codec=codec, producer_id=number, producer_epoch=epoch, base_sequence=sequence
    )


def values_in(data: bytes) -> list[str]:
    """The values of all records of some batches."""
    return [(record.value or b"").decode() for part in split_batches(data) for record in decode_batch(part)]


def log_file(base_offset: int) -> Path:
    return FOLDER / file_name(base_offset, LOG_SUFFIX)


def index_files(base_offset: int) -> tuple[Path, Path]:
    return FOLDER / file_name(base_offset, INDEX_SUFFIX), FOLDER / file_name(base_offset, TIMEINDEX_SUFFIX)


@attrs.define
class LivingPartition:
    """The partition, its disk below (`disk`) and the one that it sees (`faults`), and its clock."""

    settings: TopicSettings = attrs.field(factory=TopicSettings)
    log_settings: LogSettings = attrs.field(factory=lambda: LogSettings(free_bytes_min=0))
    disk: WatchedDisk = attrs.field(factory=WatchedDisk)
    clock: ManualClock = attrs.field(factory=ManualClock)
    faults: FaultyDisk = attrs.field(
        default=attrs.Factory(lambda self: FaultyDisk(self.disk), takes_self=True)
    )
    volume: Volume = attrs.field(init=False)
    flusher: Flusher = attrs.field(init=False)
    log: PartitionLog = attrs.field(init=False)

    async def open(self) -> PartitionLog:
        """A new process opens the partition."""
        self.disk.modified_ms = self.clock.wall_ms()
        await self.disk.make_directory(FOLDER)
        self.volume = Volume.build(DATA, self.faults, SteadyClock(self.clock), self.log_settings)
        await self.volume.free_space.refresh()
        self.log = await PartitionLog.open(self.volume, "t", 0, FOLDER, self.settings)
        self.flusher = Flusher(self.faults, self.clock)
        self.log.on_append = self.flusher.wake
        return self.log

    async def kill(self) -> None:
        """The process is gone; what it wrote stays in the page cache."""
        self.disk.open_files.clear()

    async def reopen(self) -> PartitionLog:
        """A clean stop and a new start."""
        await self.close()
        return await self.open()

    async def restart(self) -> PartitionLog:
        """A kill and a new start."""
        await self.kill()
        return await self.open()

    async def close(self) -> None:
        """A clean stop."""
        await self.log.close()
        self.volume.open_files.close()

    def put(self, *values: bytes | str) -> Appended:
        """Append one batch with a record for each value."""
        return self.log.append(batch(*values))

    async def keep(self, *values: bytes | str) -> Appended:
        """Append a batch and flush it."""
        appended = self.put(*values)
        await self.flusher.flush()
        return appended

    async def read(self, offset: int, bytes_max: int = PLENTY) -> list[str]:
        """The values that one read returns."""
        return values_in(await self.log.read_bytes(offset, bytes_max))

    async def read_all(self, offset: int = 0) -> list[str]:
        """The values from an offset up to the high watermark."""
        found: list[str] = []
        while data := await self.log.read_bytes(offset, PLENTY):
            found += values_in(data)
            offset = decode_batch(split_batches(data)[-1])[-1].offset + 1
        return found

    def names(self) -> list[str]:
        """The partition's files."""
        return self.disk.listing(FOLDER)

    def quarantined(self) -> dict[str, bytes]:
        """What recovery set aside, by name."""
        return {path.name: data for path, data in self.disk.files().items() if path.parent == QUARANTINE}


def flip(partition: LivingPartition, base_offset: int, position: int) -> bytes:
    """Flip a bit of a log file; returns what it is now."""
    data = bytearray(partition.disk.content(log_file(base_offset)))
    data[position] ^= 1
    partition.disk.replace(log_file(base_offset), bytes(data))
    return bytes(data)


def values(*numbers: int) -> list[str]:
    """What `killed` and `closed` partitions hold in the batches of these numbers."""
    return [f"v{number}" for number in numbers]
