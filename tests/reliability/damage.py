"""R5: a cleanly closed log whose files rot: bits flip, ends are cut off. Opened afresh for each case.

Several cases share one start where they cannot meet: one flip in each half of every segment, with good
index entries between them, one truncation of every segment. Half of the batches hold forged ones, whole
and with good checksums, in a record's value or in a record header's: none may ever be served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import attrs

from eventlog.errors import DataDirectoryError, EventLogError
from eventlog.record.batch import encode_batch
from eventlog.record.header import HEADER
from eventlog.record.record import Record
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import FOREVER, TopicSettings
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.inventory import FoundPartition, read_partition
from tests.reliability.ledger import next_offset_of
from tests.reliability.manual_clock import ManualClock
from tests.reliability.session import DATA, SETTINGS

TOPIC = "rotting"
FOLDER = DATA / "topics" / TOPIC / "0"
SEGMENT_BYTES = 8192
BATCHES_PER_SEGMENT = 4
ENTRY_FOR_EACH_BATCH = 1000
ENTRY_FOR_NO_BATCH = SEGMENT_BYTES
PRODUCER_ID = 7


@attrs.frozen
class Rotting:
    """A log that was closed in order, and what a consumer could read of it."""

    image: RecordingDisk
    clock: ManualClock
    found: FoundPartition
    files: dict[Path, bytes]
    last_sent: bytes
    """The newest batch as its idempotent producer would send it again."""

    @property
    def logs(self) -> list[Path]:
        """The segments, oldest first."""
        return sorted(path for path in self.files if path.suffix == ".log")

    @property
    def others(self) -> list[Path]:
        """The partition's other files."""
        return sorted(path for path in self.files if path.parent == FOLDER and path.suffix != ".log")

    def placed(self, log: Path) -> Iterator[tuple[int, bytes]]:
        """Position and bytes of each batch of a segment."""
        position, data = 0, self.files[log]
        while position < len(data):
            size_bytes = HEADER.unpack_from(data, position)[1] + 12
            yield position, data[position : position + size_bytes]
            position += size_bytes

    async def check(self, changed: dict[Path, bytes], may_be_lost: set[bytes]) -> None:
        """Open the log with some files changed: what it serves is right, and only so much is not served."""
        disk = self.image.with_content(changed)
        directory = await self._open(disk)
        log = directory.partition(TOPIC, 0)
        found = await read_partition(log)
        original = set(self.found.batches)
        served = set(found.batches)
        assert served <= original, "altered or forged bytes are served"
        assert len(served) == len(found.batches), "a batch is served twice"
        assert original - served <= may_be_lost, "more is lost than was damaged"
        assert (self.found.high_watermark, self.found.end_offset) == (found.high_watermark, found.end_offset)
        assert self.found.start_offset == found.start_offset or FOLDER / "state" in changed
        _check_ranges(found, original - served)
        self._check_files(disk, changed)
        appended = log.append(bytearray(self.last_sent))
        expected = HEADER.unpack_from(self.found.batches[-1])[0]
        assert (expected, True) == (appended.base_offset, appended.is_duplicate), "the producer is forgotten"

    def _check_files(self, disk: RecordingDisk, changed: dict[Path, bytes]) -> None:
        """Recovery deletes no file, and leaves what is damaged as it is."""
        deleted = {path.name for path in self.files if path.parent == FOLDER} - disk.names(FOLDER)
        assert not deleted, f"deleted: {deleted}"
        for path in self.logs:
            assert changed.get(path, self.files[path]) == disk.content(path), f"{path.name} was rewritten"

    async def _open(self, disk: RecordingDisk) -> LogDirectory:
        try:
            return await LogDirectory.open(DATA, disk=disk, clock=self.clock, settings=SETTINGS)
        except (EventLogError, OSError) as error:
            raise AssertionError(f"the directory cannot be opened: {error}") from error


def _check_ranges(found: FoundPartition, lost: Iterable[bytes]) -> None:
    """What is refused is what is lost, by offsets."""
    refused = {offset for first, end in found.damaged for offset in range(first, end)}
    missing = {
        offset for batch in lost for offset in range(HEADER.unpack_from(batch)[0], next_offset_of(batch))
    }
    below = set(range(found.start_offset))
    assert missing - below == refused - below, "what is refused is not what is lost"


async def rotting(seed: int, size_bytes: int, index_interval_bytes: int) -> Rotting:
    """Write such a log and close it."""
    rng = Random(seed)
    clock = ManualClock()
    disk = RecordingDisk()
    disk.modified_ms = clock.wall_ms()
    directory = await LogDirectory.open(DATA, disk=disk, clock=clock, settings=SETTINGS)
    settings = TopicSettings(
        retention_ms=FOREVER,
        retention_bytes=FOREVER,
        segment_bytes=SEGMENT_BYTES,
        index_interval_bytes=index_interval_bytes,
    )
    await directory.create_topic(TOPIC, 1, settings)
    log = directory.partition(TOPIC, 0)
    sequence = 0
    sent = b""
    for number in range(size_bytes // SEGMENT_BYTES * BATCHES_PER_SEGMENT):
        records = _records(rng, log.log_end_offset, forges=number % 2 == 0)
        sent = bytes(encode_batch(records, producer_id=PRODUCER_ID, producer_epoch=0, base_sequence=sequence))
        sequence += len(records)
        log.append(bytearray(sent))
        clock.advance(100)
        if number % 3 == 0:
            await directory.flush()
    await directory.flush()
    await directory.maintain()
    await directory.delete_records(TOPIC, 0, 2)
    found = await read_partition(log)
    await directory.close()
    files = disk.files()
    return Rotting(disk.with_content({}), clock, found, files, sent)


def _records(rng: Random, base_offset: int, *, forges: bool) -> list[Record]:
    """Three records of 1.9 KiB together; the last ends in a forged batch that seems to lead on from here."""
    payload = [Record(b"forged", rng.randbytes(20), (), 1)]
    inside = bytes(encode_batch(payload * 2, base_offset=base_offset + 1))
    after = bytes(encode_batch(payload, base_offset=base_offset + 3))
    if not forges:
        inside, after = rng.randbytes(len(inside)), rng.randbytes(len(after))
    return [
        Record(b"key", rng.randbytes(590) + after, (), 1_700_000_000_000),
        Record(b"key", inside + rng.randbytes(590), (("h", after),), 1_700_000_000_000),
        Record(
            b"key", rng.randbytes(200), (("h", rng.randbytes(100)), ("forged", inside)), 1_700_000_000_000
        ),
    ]


# --- the checks ---------------------------------------------------------------------------------


def check_flips_in_logs(*, seed: int, size_bytes: int = 65536, part: int = 0, parts: int = 1) -> None:
    """A flipped bit in every byte of the segments costs at most the batch that it is in."""
    asyncio.run(_check_flips(seed, size_bytes, ENTRY_FOR_EACH_BATCH, SEGMENT_BYTES // 2, (part, parts)))


def check_flips_without_index(*, seed: int, size_bytes: int = 65536, part: int = 0, parts: int = 1) -> None:
    """The same where no index entry helps to find the next batch, one flip in a segment at a time."""
    asyncio.run(_check_flips(seed, size_bytes, ENTRY_FOR_NO_BATCH, SEGMENT_BYTES, (part, parts)))


async def _check_flips(
    seed: int, size_bytes: int, index_interval_bytes: int, distance: int, share: tuple[int, int]
) -> None:
    original = await rotting(seed, size_bytes, index_interval_bytes)
    rng = Random(seed)
    part, parts = share
    for number in range(part, distance, parts):
        changed: dict[Path, bytes] = {}
        hit: set[bytes] = set()
        for log in original.logs:
            data = bytearray(original.files[log])
            for position in range(number, len(data), distance):
                data[position] ^= 1 << rng.randrange(8)
                hit |= {batch for at, batch in original.placed(log) if at <= position < at + len(batch)}
            changed[log] = bytes(data)
        await _check_case(original, changed, hit, f"a bit of byte {number} flipped")


def check_cut_logs(*, seed: int, size_bytes: int = 65536, part: int = 0, parts: int = 1) -> None:
    """A segment that is cut off at any byte costs what was behind the cut, and nothing else."""
    asyncio.run(_check_cut_logs(seed, size_bytes, part, parts))


async def _check_cut_logs(seed: int, size_bytes: int, part: int, parts: int) -> None:
    original = await rotting(seed, size_bytes, ENTRY_FOR_EACH_BATCH)
    for size in range(part, SEGMENT_BYTES, parts):
        changed = {log: original.files[log][:size] for log in original.logs}
        hit = {batch for log in original.logs for at, batch in original.placed(log) if at + len(batch) > size}
        await _check_case(original, changed, hit, f"segments cut off at byte {size}")


def check_other_files(*, seed: int, size_bytes: int = 2 * SEGMENT_BYTES) -> None:
    """A flipped bit or a cut in an index, a snapshot or the state costs nothing."""
    asyncio.run(_check_other_files(seed, size_bytes))


async def _check_other_files(seed: int, size_bytes: int) -> None:
    original = await rotting(seed, size_bytes, ENTRY_FOR_EACH_BATCH)
    rng = Random(seed)
    for path in original.others:
        data = original.files[path]
        for position in range(len(data)):
            flipped = bytearray(data)
            flipped[position] ^= 1 << rng.randrange(8)
            await _check_case(original, {path: bytes(flipped)}, set(), f"{path.name}, byte {position}")
            await _check_case(original, {path: data[:position]}, set(), f"{path.name} cut at {position}")


async def _check_case(original: Rotting, changed: dict[Path, bytes], hit: set[bytes], what: str) -> None:
    try:
        await original.check(changed, hit)
    except Exception as error:
        error.add_note(what)
        raise


def check_metadata(*, seed: int) -> None:
    """Damaged metadata is refused by name, or did no harm; it is never guessed at."""
    asyncio.run(_check_metadata(seed))


async def _check_metadata(seed: int) -> None:
    original = await rotting(seed, SEGMENT_BYTES, ENTRY_FOR_EACH_BATCH)
    rng = Random(seed)
    for path in (DATA / "meta.json", FOLDER.parent / "topic.json"):
        data = original.files[path]
        for position in range(len(data)):
            flipped = bytearray(data)
            flipped[position] ^= 1 << rng.randrange(8)
            for changed in (bytes(flipped), data[:position]):
                disk = original.image.with_content({path: changed})
                try:
                    directory = await LogDirectory.open(
                        DATA, disk=disk, clock=original.clock, settings=SETTINGS
                    )
                except DataDirectoryError as error:
                    assert str(path) in str(error), f"which file? {error}"  # noqa: PT017 (both outcomes are right)
                else:
                    assert original.found == await read_partition(directory.partition(TOPIC, 0))
