"""Everything that a consumer can see of a data directory."""

from __future__ import annotations

import attrs

from eventlog.errors import DamagedRangeError
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.partition_log import PartitionLog
from tests.reliability.ledger import next_offset_of, split_batches

READ_BYTES = 1 << 20


@attrs.frozen
class FoundPartition:
    """One partition as a consumer reads it from its log start offset to its high watermark."""

    start_offset: int
    high_watermark: int
    end_offset: int
    batches: tuple[bytes, ...]
    damaged: tuple[tuple[int, int], ...] = ()
    """First and next readable offset of each range that was refused."""


FoundTopics = dict[str, dict[int, FoundPartition]]


async def read_partition(log: PartitionLog) -> FoundPartition:
    """Read all of one partition, past what is damaged."""
    batches: list[bytes] = []
    damaged: list[tuple[int, int]] = []
    offset, end = log.log_start_offset, log.high_watermark
    while offset < end:
        try:
            data = await log.read_bytes(offset, READ_BYTES)
        except DamagedRangeError as error:
            damaged.append((error.first_offset, error.next_offset))
            offset = max(error.next_offset, offset + 1)
            continue
        assert data, f"no bytes at offset {offset}, below the high watermark {end}"
        batches += split_batches(data)
        offset = next_offset_of(batches[-1])
    return FoundPartition(log.log_start_offset, end, log.log_end_offset, tuple(batches), tuple(damaged))


async def take_inventory(directory: LogDirectory) -> FoundTopics:
    """Read every partition of every topic."""
    found: FoundTopics = {}
    for name in directory.topics.names():
        count = directory.topics.get(name).partitions
        found[name] = {
            number: await read_partition(directory.partition(name, number)) for number in range(count)
        }
    return found
