"""A disk to look at and a loop for what is awaited, for commands that otherwise run straight through."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from eventlog.errors import ForeignFileError
from eventlog.inspect.partition import Partition, PartitionPlace, look_at_file, look_at_partition, only
from eventlog.inspect.read_only_disk import ReadOnlyDisk
from eventlog.inspect.survey import Survey, place_of_folder, survey_directory
from eventlog.storage.directory_files import LOCK_NAME, META_NAME
from eventlog.storage.disk import Disk, Entry, PosixDisk


class Inspector:
    """Looks at a data directory, a partition's folder or a file; made by `with`.

    The long walks block and stay outside the loop, so that an interrupt ends them at once.
    """

    def __init__(self) -> None:
        self._posix_disk = PosixDisk()
        self.disk: Disk = ReadOnlyDisk(self._posix_disk)
        self._runner = asyncio.Runner(debug=False)  # a slow read is no news for a user's stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()
        self._posix_disk.close()

    def is_data_directory(self, path: Path) -> bool:
        """Whether the path is a data directory's root."""
        return self._runner.run(self.disk.exists(path / META_NAME))

    def is_folder(self, path: Path) -> bool:
        """Whether the path is a folder; OSError where there is nothing, or nothing to be read."""
        try:
            self.names(path)
        except NotADirectoryError:
            return False
        return True

    def names(self, folder: Path) -> list[str]:
        """The names in a folder."""
        return [entry.name for entry in self.entries(folder)]

    def entries(self, folder: Path) -> list[Entry]:
        """The names in a folder, with sizes."""
        return self._runner.run(self.disk.list(folder))

    def survey(self, path: Path, topic: str | None = None, partition: int | None = None) -> Survey:
        """See `survey_directory`."""
        return self._runner.run(survey_directory(self.disk, path, topic=topic, partition=partition))

    def place_of(self, folder: Path) -> PartitionPlace:
        """See `place_of_folder`."""
        return self._runner.run(place_of_folder(self.disk, folder.absolute()))

    def look(self, place: PartitionPlace, *, with_plan: bool) -> Partition:
        """See `look_at_partition`."""
        return self._runner.run(look_at_partition(self.disk, place, with_plan=with_plan))

    def look_at_log(self, path: Path) -> Partition:
        """One `.log`: within its partition where it lies in a data directory, else alone."""
        place = self.place_of(path.parent)
        if place.topic is not None:
            with suppress(ForeignFileError):
                partition = only(self.look(place, with_plan=True), path)
                if partition.logs:
                    return partition
        return self._runner.run(look_at_file(self.disk, path))

    def read(self, path: Path) -> bytes:
        """The whole of a small file."""
        return self._runner.run(self.disk.read(path))

    def is_locked(self, place: PartitionPlace) -> bool:
        """Whether a writer holds the data directory of this partition now."""
        if place.topic is None:
            return False
        return self._runner.run(self.disk.is_locked(place.folder.parents[2] / LOCK_NAME))
