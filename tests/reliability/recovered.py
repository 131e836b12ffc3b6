"""What must hold of any disk that a power cut, a kill or a fault left behind: open it, look, compare."""

from __future__ import annotations

from pathlib import Path
from random import Random

import attrs

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

    async def open(self, disk: RecordingDisk) -> LogDirectory:
        disk.modified_ms = self.clock.wall_ms()
        return await LogDirectory.open(self.path, disk=disk, clock=self.clock, settings=SETTINGS)

    async def check(self, disk: RecordingDisk, cut_at: int, rng: Random) -> FoundTopics:
        """All promises of one state; AssertionError where one is broken."""
        directory = await self.open(disk)
        found = await take_inventory(directory)
        self.ledger.check(found, cut_at)
        self._check_duplicates(directory, found, cut_at)
        await self._check_again(disk.cut(rng), found)
        return found

    def _check_duplicates(self, directory: LogDirectory, found: FoundTopics, cut_at: int) -> None:
        """The newest acknowledged batch of each idempotent producer is known when it is sent again."""
        for topic in self.ledger.topics:
            if topic.name not in found or not topic.must_exist(cut_at):
                continue
            for number in found[topic.name]:
                log = directory.partition(topic.name, number)
                for batch in topic.partition(number).newest_acked(cut_at):
                    end = log.log_end_offset
                    appended = log.append(bytearray(batch.data))
                    assert (appended.is_duplicate, log.log_end_offset) == (True, end), (
                        f"{log.name}: a retry of the batch at {batch.places[-1]} is stored twice"
                    )
                    assert appended.base_offset == batch.places[-1]

    async def _check_again(self, disk: RecordingDisk, found: FoundTopics) -> None:
        """What one recovery made is durable, and another one finds nothing to do."""
        quarantined = _quarantined(disk)
        directory = await self.open(disk)
        again = await take_inventory(directory)
        assert found == again, "a second recovery found something else"
        assert quarantined == _quarantined(disk), "a second recovery set something aside"


def _quarantined(disk: RecordingDisk) -> set[Path]:
    return {path for path in disk.files() if path.parent == QUARANTINE and path.suffix != ".tmp"}
