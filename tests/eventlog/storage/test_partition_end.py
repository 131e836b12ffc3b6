"""The end of a partition's life in a process: closed, discarded, or never opened."""

from __future__ import annotations

import asyncio

import pytest

from eventlog.errors import StorageFailedError, UnknownTopicError
from eventlog.storage.settings import TopicSettings
from tests.eventlog.storage.living_partition import DATA, STATE, LivingPartition
from tests.reliability.disks.faulty import Fault, Kind


async def opened(settings: TopicSettings | None = None) -> LivingPartition:
    partition = LivingPartition(settings=settings or TopicSettings())
    await partition.open()
    return partition


async def test_close_answers_who_waits() -> None:
    """Who waits for a flush that will not come gets an error, and no clean mark is left."""
    partition = await opened()
    waiting = asyncio.ensure_future(partition.log.durable(partition.put("a")))
    await asyncio.sleep(0)

    await partition.close()

    with pytest.raises(StorageFailedError, match="the log was closed"):
        await waiting
    assert [] == partition.disk.open_paths
    await partition.open()
    assert not partition.log.recovered.is_clean
    assert ["a"] == await partition.read_all()


async def test_discard_answers_who_waits() -> None:
    """The log of a deleted topic takes nothing more, and says so to who waits."""
    partition = await opened()
    waiting = asyncio.ensure_future(partition.log.durable(partition.put("a")))
    await asyncio.sleep(0)

    await partition.log.discard()

    with pytest.raises(UnknownTopicError, match="the topic was deleted"):
        await waiting
    with pytest.raises(StorageFailedError, match="the log is closed"):
        partition.put("b")
    assert [] == partition.disk.open_paths


@pytest.mark.parametrize("end", ["close", "discard"])
async def test_who_asks_after_the_end_is_answered(end: str) -> None:
    """Who asks for an unflushed append of a log that was closed meanwhile gets an error, not a wait."""
    partition = await opened()
    appended = partition.put("a")
    await getattr(partition.log, end)()
    with pytest.raises(StorageFailedError):
        await asyncio.wait_for(partition.log.durable(appended), 0.1)


@pytest.mark.parametrize("nth", range(1, 10))
async def test_failed_close_closes_the_files(nth: int) -> None:
    """A clean mark that the volume refuses is an error, no mark, and no open file; nothing is lost."""
    partition = await opened()
    await partition.keep("a")
    partition.faults.reset(Fault(Kind.FLUSH, nth))

    try:
        await partition.log.close()
    except OSError:
        pass
    else:
        assert nth > partition.faults.counts[Kind.FLUSH]
    partition.volume.open_files.close()

    assert [] == partition.disk.open_paths
    partition.faults.reset(None)
    await partition.open()
    assert ["a"] == await partition.read_all()


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.FLUSH, Kind.WRITE, Kind.SYNC_DIRECTORY])
async def test_failed_open_closes_the_files(kind: Kind) -> None:
    """Wherever opening fails no file stays open, and the next try finds everything."""
    partition = await opened()
    await partition.keep("a")
    left_open: list[tuple[int, list[str]]] = []
    partition.faults.failures = 1
    nth = 0
    while partition.faults.failures:
        nth += 1
        await partition.kill()
        partition.disk.remove(STATE)
        partition.faults.reset(Fault(kind, nth))
        try:
            await partition.open()
        except OSError:
            left_open += [(nth, partition.disk.open_paths)] if partition.disk.open_files else []
    partition.faults.reset(None)
    assert ["a"] == await partition.read_all()
    assert nth > 1, "no step of the opening failed"
    assert [] == left_open


async def test_quarantine_stays_empty() -> None:
    """A life without damage sets nothing aside."""
    partition = await opened()
    await partition.keep("a")
    await partition.restart()
    await partition.reopen()
    assert ({}, False) == (partition.quarantined(), await partition.disk.exists(DATA / "quarantine"))
