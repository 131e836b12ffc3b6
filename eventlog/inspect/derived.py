"""What stands in the small files of a partition, entry by entry: indexes, producer snapshots, the state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eventlog.errors import DataDirectoryError, ForeignFileError
from eventlog.inspect.small_files import slots
from eventlog.inspect.units import rfc3339
from eventlog.storage.index import IndexDamagedError, OffsetIndex, TimeIndex
from eventlog.storage.partition_files import SNAPSHOT_SUFFIX, STATE_NAME
from eventlog.storage.producer_state import unpack_snapshot
from eventlog.storage.segment import INDEX_SUFFIX, TIMEINDEX_SUFFIX, offset_of

Entry = dict[str, Any]


def entries(path: Path, data: bytes) -> Iterator[Entry]:
    """An object for each entry, those that are damaged told as such; ForeignFileError for other files."""
    if path.suffix in {INDEX_SUFFIX, TIMEINDEX_SUFFIX}:
        base_offset = offset_of(path.name, path.suffix)
        if base_offset is None:
            raise DataDirectoryError(
                f"{path} must keep the name it was written with: its checksums count the offset in it"
            )
        yield from (_offsets if path.suffix == INDEX_SUFFIX else _times)(base_offset, data)
    elif path.suffix == SNAPSHOT_SUFFIX:
        yield from _producers(data)
    elif path.name == STATE_NAME:
        yield from _slots(data)
    else:
        raise ForeignFileError(f"{path} is not a file of a partition")


def _offsets(base_offset: int, data: bytes) -> Iterator[Entry]:
    index = OffsetIndex(base_offset, data)
    for number in range(len(index.entries)):
        try:
            relative_offset, position = index.entries.get(number)
        except IndexDamagedError:
            yield {"type": "index_entry", "entry": number, "is_damaged": True}
            continue
        offset = base_offset + relative_offset
        yield {"type": "index_entry", "entry": number, "offset": offset, "position": position}


def _times(base_offset: int, data: bytes) -> Iterator[Entry]:
    index = TimeIndex(base_offset, data)
    for number in range(len(index.entries)):
        try:
            largest_ms, append_ms, relative_offset = index.entries.get(number)
        except IndexDamagedError:
            yield {"type": "timeindex_entry", "entry": number, "is_damaged": True}
            continue
        yield {
            "type": "timeindex_entry",
            "entry": number,
            "before_offset": base_offset + relative_offset,
            "largest_timestamp": rfc3339(largest_ms),
            "largest_timestamp_ms": largest_ms,
            "append_time": rfc3339(append_ms),
            "append_time_ms": append_ms,
        }


def _producers(data: bytes) -> Iterator[Entry]:
    state = unpack_snapshot(data)
    if state is None:
        yield {"type": "producers", "is_damaged": True}
        return
    for number, producer in sorted(state.producers.items()):
        yield {
            "type": "producer",
            "producer_id": number,
            "producer_epoch": producer.epoch,
            "last_write": rfc3339(producer.last_write_ms),
            "last_write_ms": producer.last_write_ms,
            "batches": [
                {
                    "base_offset": batch.base_offset,
                    "base_sequence": batch.first_sequence,
                    "last_sequence": batch.last_sequence,
                }
                for batch in producer.batches
            ],
        }


def _slots(data: bytes) -> Iterator[Entry]:
    for number, slot in enumerate(slots(data)):
        if slot is None:
            yield {"type": "state_slot", "slot": number, "is_damaged": True}
            continue
        yield {
            "type": "state_slot",
            "slot": number,
            "generation": slot.generation,
            "recovery_point": slot.state.recovery_point,
            "log_start_offset": slot.state.log_start_offset,
            "is_distrusted": slot.state.distrusted,
        }
