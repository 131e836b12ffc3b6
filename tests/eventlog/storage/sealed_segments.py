"""Sealed segments on a disk in memory, made of chains of batches."""

from __future__ import annotations

from pathlib import Path

from eventlog.storage.disk import Disk, OpenMode, write_all
from eventlog.storage.scan import Place
from eventlog.storage.segment import Segment
from eventlog.storage.segment_index import SegmentIndex
from tests.eventlog.storage.chains import Chain
from tests.reliability.disks.power_cut import ROOT

MODIFIED_MS = 1_700_000_100_000


def write_file(disk: Disk, path: Path, data: bytes) -> None:
    """Make `data` the content of a file."""
    file = disk.open(path, OpenMode.CREATE)
    file.truncate(0)
    write_all(file, data, 0)
    file.close()


def sealed_segment(
    disk: Disk,
    chain: Chain,
    *,
    interval_bytes: int = 4096,
    data: bytes | None = None,
    end: Place | None = None,
) -> Segment:
    """The segment of a chain, with other bytes in its log where `data` says so, and without index files."""
    segment = Segment(ROOT, chain.start.offset, end or chain.end, MODIFIED_MS, interval_bytes)
    write_file(disk, segment.log_path, chain.data if data is None else data)
    return segment


def write_indexes(disk: Disk, segment: Segment, chain: Chain) -> None:
    """Write the index files that a segment of the undamaged chain would have."""
    index = index_of(chain, segment.index_interval_bytes)
    index.seal(chain.end.offset)
    write_file(disk, segment.index_path, bytes(index.offsets.entries.data))
    write_file(disk, segment.timeindex_path, bytes(index.times.entries.data))


def index_of(chain: Chain, interval_bytes: int) -> SegmentIndex:
    """The index of a chain, before it is sealed; each batch appended a second after the one before."""
    index = SegmentIndex(chain.start.offset, interval_bytes)
    for number, batch in enumerate(chain.batches):
        index.add(batch, MODIFIED_MS + 1000 * number)
    return index
