"""Which files a partition's folder holds: read by strict names, so that nothing else is ever parsed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from eventlog.errors import ForeignFileError
from eventlog.storage.disk import Entry
from eventlog.storage.segment import INDEX_SUFFIX, LOG_SUFFIX, TIMEINDEX_SUFFIX, file_name, offset_of

STATE_NAME = "state"
SNAPSHOT_SUFFIX = ".producers"
UNFINISHED_SUFFIX = ".tmp"
"""A file that is renamed when it is whole; found at a start, it never became one."""

_SUFFIXES = (LOG_SUFFIX, INDEX_SUFFIX, TIMEINDEX_SUFFIX, SNAPSHOT_SUFFIX)


@attrs.frozen
class SegmentFile:
    """One `.log` as the folder shows it."""

    base_offset: int
    size_bytes: int
    modified_ms: int


@attrs.frozen
class PartitionFiles:
    """The folder's content, by kind; segments and snapshots ascending."""

    folder: Path
    segments: tuple[SegmentFile, ...]
    snapshot_offsets: tuple[int, ...]
    has_state: bool
    leftovers: tuple[str, ...]
    """Names that no crash-free life leaves behind: unfinished files, indexes without a segment."""


def classify(folder: Path, entries: Sequence[Entry]) -> PartitionFiles:
    """Sort the names of a partition's folder; hidden files are nobody's business.

    Raises ForeignFileError for a name that is not the log's own.
    """
    segments: list[SegmentFile] = []
    snapshots: list[int] = []
    indexes: list[tuple[int, str]] = []
    leftovers: list[str] = []
    for entry in entries:
        name = entry.name
        if name.startswith(".") or name == STATE_NAME:
            continue
        kind, offset = _kind_of(name.removesuffix(UNFINISHED_SUFFIX))
        unfinished = name.endswith(UNFINISHED_SUFFIX)
        if entry.is_directory or offset is None or (unfinished and kind != SNAPSHOT_SUFFIX):
            raise ForeignFileError(f"{folder / name} is not a file of the log; move it out of this folder")
        if unfinished:
            leftovers.append(name)
        elif kind == LOG_SUFFIX:
            segments.append(SegmentFile(offset, entry.size_bytes, entry.modified_ms))
        elif kind == SNAPSHOT_SUFFIX:
            snapshots.append(offset)
        else:
            indexes.append((offset, name))
    known = {segment.base_offset for segment in segments}
    leftovers += [name for offset, name in indexes if offset not in known]
    return PartitionFiles(
        folder,
        tuple(sorted(segments, key=lambda segment: segment.base_offset)),
        tuple(sorted(snapshots)),
        any(entry.name == STATE_NAME for entry in entries),
        tuple(leftovers),
    )


def segment_names(base_offset: int) -> tuple[str, str, str]:
    """Every file name that a segment may have, the log's first."""
    return (
        file_name(base_offset, LOG_SUFFIX),
        file_name(base_offset, INDEX_SUFFIX),
        file_name(base_offset, TIMEINDEX_SUFFIX),
    )


def _kind_of(name: str) -> tuple[str, int | None]:
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return suffix, offset_of(name, suffix)
    return "", None
