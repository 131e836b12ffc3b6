"""R6 and P8: the volume fills up; writes stop with an error that says try again, and resume by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import attrs

from eventlog.errors import DiskLowError, StorageFailedError
from eventlog.storage.disk import Disk
from eventlog.storage.settings import FOREVER, LogSettings, TopicSettings
from tests.reliability.disks.faulty import FaultyDisk
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.inventory import take_inventory
from tests.reliability.ledger import SentTopic
from tests.reliability.recovered import Examination
from tests.reliability.session import Session

CAPACITY_BYTES = 60_000
FLOOR_BYTES = 15_000
APPENDS_MAX = 2000
TOPIC_SETTINGS = TopicSettings(
    retention_ms=FOREVER, retention_bytes=FOREVER, segment_bytes=4096, index_interval_bytes=1000
)


RESUME_S_MAX = 5.0


@attrs.define(eq=False)
class FullDisk:
    """A small volume, a directory on it, and what happens when it is filled."""

    session: Session
    disk: Disk

    @classmethod
    async def begin(cls, seed: int, floor_bytes: int) -> FullDisk:
        recorder = RecordingDisk()
        disk = FaultyDisk(recorder, capacity_bytes=CAPACITY_BYTES)
        session = Session(
            recorder,
            Random(seed),
            disk,
            settings=LogSettings(free_bytes_min=floor_bytes),
            topic_settings=TOPIC_SETTINGS,
        )
        await session.open()
        await session.create_topic("filling", 2)
        return cls(session, disk)

    @property
    def topic(self) -> SentTopic:
        return self.session.topics[0]

    async def fill(self) -> DiskLowError | StorageFailedError:
        """Append until the log refuses, and return what it said."""
        for _ in range(APPENDS_MAX):
            try:
                self.session.append_new(self.topic, self.session.rng.randrange(2))
                if self.session.rng.random() < 0.1:
                    await self.session.flush()
                    await self.session.maintain()
            except (DiskLowError, StorageFailedError) as error:
                return error
        raise AssertionError(f"{APPENDS_MAX} appends, and the volume is not full")

    async def check_goes_on(self) -> None:
        """On a full volume flushes, acknowledgements, reads and deletion go on."""
        await self.session.flush()
        waiting = [
            batch
            for number in range(2)
            for batch in self.topic.partition(number).batches
            if batch.is_written and batch.acked is None
        ]
        assert not waiting, f"{len(waiting)} appends that were taken are not acknowledged"
        await self.session.maintain()
        self.session.ledger.check(await take_inventory(self.session.log), self.session.now)

    async def delete_all(self) -> None:
        for number in range(2):
            log = self.session.log.partition("filling", number)
            await self.session.delete_records(self.topic, number, log.high_watermark)

    async def check_resumes(self) -> None:
        """Deleting records makes room, and the same broker takes appends at its next turn of upkeep."""
        await self.delete_all()
        await self.session.maintain()
        sent = [self.session.append_new(self.topic, number) for number in range(2)]
        await self.session.flush()
        assert all(batch.acked for batch in sent), "there is room, and still appends are refused"

    async def check_nothing_is_lost(self, seed: int) -> None:
        """A power cut now costs nothing that was acknowledged."""
        examination = Examination(self.session.ledger, self.session.clock)
        await examination.check(self.session.recorder.cut(Random(seed)), self.session.now)


def check_disk_full(*, seed: int, rounds: int, floor_bytes: int = FLOOR_BYTES) -> None:
    """Fill, see that everything but writing goes on, free, see that writing resumes; nothing is lost.

    With a floor the refusal comes before the disk is truly full; without one it is the disk that refuses.
    """
    asyncio.run(_check_disk_full(seed, rounds, floor_bytes))


async def _check_disk_full(seed: int, rounds: int, floor_bytes: int) -> None:
    full = await FullDisk.begin(seed, floor_bytes)
    for number in range(rounds):
        error = await full.fill()
        assert error.retriable, f"not retriable: {error}"
        assert "\n" not in str(error), f"an error of more than one line: {error}"
        if floor_bytes:
            assert isinstance(error, DiskLowError), f"the disk was truly full: {error}"
        await full.check_goes_on()
        await full.check_nothing_is_lost(seed + number)
        await full.check_resumes()
        await full.check_nothing_is_lost(seed + number)


async def check_real_volume(disk: Disk, path: Path, *, seed: int, rounds: int) -> None:
    """The same on real files, with the log's own upkeep running: writing resumes within five seconds."""
    session = Session(
        RecordingDisk(),
        Random(seed),
        disk,
        path=path,
        settings=LogSettings(free_bytes_min=200_000, settle_interval_ms=50),
        topic_settings=attrs.evolve(TOPIC_SETTINGS, segment_bytes=50_000),
        value_bytes_max=3000,
    )
    await session.open()
    await session.create_topic("filling", 2)
    upkeep = asyncio.create_task(session.log.run())
    full = FullDisk(session, disk)
    for _ in range(rounds):
        error = await full.fill()
        assert isinstance(error, DiskLowError), f"the disk was truly full: {error}"
        await full.check_goes_on()
        await full.delete_all()
        await _check_resumes_soon(session)
    upkeep.cancel()
    await session.close()
    await session.open()
    session.ledger.check(await take_inventory(session.log), session.now)
    await session.close()


async def _check_resumes_soon(session: Session) -> None:
    loop = asyncio.get_running_loop()
    freed_s = loop.time()
    while True:
        try:
            batch = session.append_new(session.topics[0], 0)
            break
        except DiskLowError:
            assert loop.time() - freed_s < RESUME_S_MAX, "there is room, and still appends are refused"
            await asyncio.sleep(0.01)
    await session.flush()
    assert batch.acked, "there is room, and still appends are not acknowledged"
