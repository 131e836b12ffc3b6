"""A data directory on a disk in memory, which a test fills, breaks, kills and opens again."""

from __future__ import annotations

import attrs

from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings
from tests.eventlog.storage.living_partition import DATA, PLENTY, batch, values_in
from tests.eventlog.storage.watched_disk import WatchedDisk
from tests.reliability.disks.faulty import FaultyDisk
from tests.reliability.manual_clock import ManualClock

TOPICS = DATA / "topics"
DELETING = DATA / "deleting"


@attrs.define
class OpenDirectory:
    """The directory, its disk below (`disk`) and the one that it sees (`faults`), and its clock."""

    settings: LogSettings = attrs.field(factory=lambda: LogSettings(free_bytes_min=0))
    disk: WatchedDisk = attrs.field(factory=WatchedDisk)
    clock: ManualClock = attrs.field(factory=ManualClock)
    faults: FaultyDisk = attrs.field(
        default=attrs.Factory(lambda self: FaultyDisk(self.disk), takes_self=True)
    )
    directory: LogDirectory = attrs.field(init=False)

    async def open(self) -> LogDirectory:
        """A new process opens the directory."""
        self.disk.modified_ms = self.clock.wall_ms()
        self.directory = await LogDirectory.open(
            DATA, disk=self.faults, clock=self.clock, settings=self.settings
        )
        return self.directory

    async def reopen(self) -> LogDirectory:
        """A clean stop and a new start."""
        await self.directory.close()
        return await self.open()

    async def restart(self) -> LogDirectory:
        """A kill and a new start."""
        self.disk.open_files.clear()
        self.disk.revive()
        return await self.open()

    async def keep(self, topic: str, number: int, *values: str) -> None:
        """Append a batch and flush it."""
        self.directory.partition(topic, number).append(batch(*values))
        await self.directory.flush()

    async def read(self, topic: str, number: int, offset: int = 0) -> list[str]:
        """The values that one read returns."""
        return values_in(await self.directory.partition(topic, number).read_bytes(offset, PLENTY))

    @property
    def open_paths(self) -> list[str]:
        """The names of the files that are open, but for the lock."""
        return [name for name in self.disk.open_paths if name != "lock"]
