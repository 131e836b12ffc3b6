"""What must hold of any disk that a power cut, a kill or a fault left behind: open it, look, compare."""

from __future__ import annotations

from pathlib import Path
from random import Random

import attrs

from eventlog.errors import EventLogError, OutOfOrderSequenceError
from eventlog.storage.log_directory import LogDirectory
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.inventory import FoundTopics, take_inventory
from tests.reliability.ledger import Ledger
from tests.reliability.manual_clock import ManualClock
from tests.reliability.session import DATA, SETTINGS

QUARANTINE = DATA / "quarantine"


@attrs.frozen
class Examination:
    """Opens disks and holds what is found there against a ledger."""

    ledger: Ledger
    clock: ManualClock
    path: Path = DATA

    async def check(self, disk: RecordingDisk, cut_at: int) -> FoundTopics:
        """All promises of one state; AssertionError where one is broken. The directory is left open."""
        directory = await self.open(disk)
        found = await take_inventory(directory)
        self.ledger.check(found, cut_at)
        self._check_quarantine(directory, disk)
        self._check_duplicates(directory, found, cut_at)
        return found

    async def check_again(self, disk: RecordingDisk, found: FoundTopics, rng: Random) -> None:
        """What the recovery of this disk made survives a power cut, and another one finds nothing to do."""
        after = disk.cut(rng)
        before = quarantined(after)
        directory = await self.open(after)
        again = await take_inventory(directory)
        assert found == again, "a second recovery found something else"
        assert before == quarantined(after), "a second recovery set something aside"
        for log in directory.topics.logs():
            assert log.recovered.torn_tail is None, f"{log.name}: a second recovery found a torn tail"

    async def open(self, disk: RecordingDisk) -> LogDirectory:
        """The data directory, recovered: no power cut is a reason to refuse it."""
        disk.modified_ms = self.clock.wall_ms()
        try:
            return await LogDirectory.open(self.path, disk=disk, clock=self.clock, settings=SETTINGS)
        except (EventLogError, OSError) as error:
            raise AssertionError(f"the directory cannot be opened: {error}") from error

    def _check_quarantine(self, directory: LogDirectory, disk: RecordingDisk) -> None:
        """What was cut was copied first."""
        for log in directory.topics.logs():
            torn = log.recovered.torn_tail
            copied_bytes = sum(len(disk.content(path)) for path in log.quarantined)
            assert (torn.size_bytes if torn else 0) == copied_bytes, f"{log.name}: cut without a copy"

    def _check_duplicates(self, directory: LogDirectory, found: FoundTopics, cut_at: int) -> None:
        """The newest acknowledged batch of each idempotent producer is known when it is sent again."""
        for topic in self.ledger.topics:
            if topic.name not in found or not topic.must_exist(cut_at):
                continue
            for number in found[topic.name]:
                log = directory.partition(topic.name, number)
                for batch in topic.partition(number).newest_acked(cut_at):
                    try:
                        appended = log.append(bytearray(batch.data))
                    except OutOfOrderSequenceError as error:
                        raise AssertionError(
                            f"the batch at {batch.places[-1]} cannot be sent again"
                        ) from error
                    assert (batch.places[-1], True) == (appended.base_offset, appended.is_duplicate), (
                        f"{log.name}: the batch at {batch.places[-1]}, sent again, is stored twice"
                    )


def quarantined(disk: RecordingDisk) -> set[str]:
    """The copies of what recovery has cut, named by place and checksum."""
    return {name for name in disk.names(QUARANTINE) if not name.endswith(".tmp")}
