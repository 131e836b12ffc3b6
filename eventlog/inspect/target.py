"""What a command was pointed at: a data directory, a partition's folder, or one file, copies included."""

from __future__ import annotations

from pathlib import Path

import attrs

from eventlog.errors import DataDirectoryError
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.partition import Partition, PartitionPlace
from eventlog.inspect.survey import Survey
from eventlog.storage.partition_files import SNAPSHOT_SUFFIX, STATE_NAME
from eventlog.storage.segment import INDEX_SUFFIX, LOG_SUFFIX, TIMEINDEX_SUFFIX

_SMALL_SUFFIXES = {INDEX_SUFFIX, TIMEINDEX_SUFFIX, SNAPSHOT_SUFFIX}


@attrs.frozen
class Target:
    """Partitions to look at; or one `.log`, looked at already; or one of the small files."""

    survey: Survey | None = None
    places: tuple[PartitionPlace, ...] = ()
    log: Partition | None = None
    small_file: Path | None = None


def find_target(
    inspector: Inspector,
    path: Path | None,
    data_dir: Path | None,
    topic: str | None = None,
    partition: int | None = None,
) -> Target:
    """What lies at `path`, or else in the data directory, of which `topic` and `partition` are taken.

    Raises DataDirectoryError where it is nothing of a log, UnknownTopicError, OSError.
    """
    if path is None:
        assert data_dir is not None
        return _of_directory(inspector, data_dir, topic, partition)
    if not inspector.is_folder(path):
        return _of_file(inspector, path)
    if inspector.is_data_directory(path):
        return _of_directory(inspector, path, topic, partition)
    names = inspector.names(path)
    if not any(name == STATE_NAME or name.endswith(LOG_SUFFIX) for name in names):
        raise DataDirectoryError(f"{path} is neither a data directory nor the folder of a partition")
    return Target(places=(inspector.place_of(path),))


def _of_directory(inspector: Inspector, path: Path, topic: str | None, partition: int | None) -> Target:
    survey = inspector.survey(path, topic, partition)
    return Target(survey, tuple(survey.partitions))


def _of_file(inspector: Inspector, path: Path) -> Target:
    if path.suffix in _SMALL_SUFFIXES or path.name == STATE_NAME:
        return Target(small_file=path)
    return Target(log=inspector.look_at_log(path))
