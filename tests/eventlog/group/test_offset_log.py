"""The offsets log: commits share flushes, are durable when answered, and survive what the volume does."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import attrs
import pytest

from eventlog.errors import StorageFailedError
from eventlog.group import offset_log
from eventlog.group.committed import Change, GroupOccupied, OffsetCommitted
from eventlog.storage.settings import FlushPolicy
from tests.eventlog.group.offset_changes import NOW_MS, OTHER_ID, commit
from tests.eventlog.group.offset_logs import (
    GROUPS,
    QUARANTINE,
    contents,
    files,
    newest,
    open_log,
    refused,
    write,
)
from tests.reliability.disks.faulty import Effect, Fault, FaultyDisk, Kind
from tests.reliability.disks.power_cut import RecordingDisk
from tests.reliability.manual_clock import ManualClock


def flushes(disk: RecordingDisk) -> int:
    return sum(operation[0] == "flush" for operation in disk.journal)


# --- commits ------------------------------------------------------------------------------------


async def test_a_commit_is_there_when_it_is_durable() -> None:
    """Not before; and then also after a restart."""
    disk = RecordingDisk()
    log = await open_log(disk)
    done = log.append([commit(5)])
    assert ([], False, True, False) == (
        contents(log),
        done.done(),
        log.has_waiting("g"),
        log.has_waiting("h"),
    )
    await log.flush()
    await done
    assert ([commit(5)], False) == (contents(log), log.has_waiting("g"))
    assert [commit(5)] == contents(await open_log(disk))


async def test_many_commits_share_one_flush() -> None:
    """What waits becomes one batch, in its order."""
    disk = RecordingDisk()
    log = await open_log(disk)
    before = flushes(disk)
    futures = [log.append([commit(offset), commit(offset, partition=1)]) for offset in range(100)]
    await log.flush()
    assert [""] * 100 == await refused(futures)
    assert before + 1 == flushes(disk)
    assert [commit(99), commit(99, partition=1)] == contents(log)


async def test_a_batch_is_bounded() -> None:
    """More than it takes goes into the next one; a commit is never split."""
    disk = RecordingDisk()
    log = await open_log(disk)
    before = flushes(disk)
    with patch.object(offset_log, "BATCH_RECORDS_MAX", 2):
        futures = [log.append([commit(n, partition=p) for p in range(3)]) for n in range(2)]
        futures += [log.append([commit(7)]) for _ in range(4)]
        await log.flush()
    assert [""] * 6 == await refused(futures)
    assert before + 4 == flushes(disk)


async def test_what_waits_is_bounded() -> None:
    """Commits beyond the limit are refused with an error that may be retried."""
    log = await open_log(RecordingDisk())
    with patch.object(offset_log, "WAITING_RECORDS_MAX", 2):
        log.append([commit(1), commit(2)])
        with pytest.raises(StorageFailedError, match="too many commits wait"):
            log.append([commit(3)])
    await log.flush()
    assert [commit(2)] == contents(log)


async def test_run_flushes_by_itself() -> None:
    """And a caller that goes away loses nothing but its answer."""
    disk = RecordingDisk()
    log = await open_log(disk)
    running = asyncio.create_task(log.run())
    await log.append([commit(1)])
    gone = log.append([commit(2)])
    gone.cancel()
    await log.append([commit(3, partition=1)])
    running.cancel()
    assert [commit(2), commit(3, partition=1)] == contents(await open_log(disk))


async def test_policy_os_answers_after_the_write() -> None:
    """With a flush at each upkeep, if there is something to flush."""
    disk = RecordingDisk()
    log = await open_log(disk, policy=FlushPolicy.OS)
    before = flushes(disk)
    await write(log, commit(1))
    assert ([commit(1)], before) == (contents(log), flushes(disk))
    await log.upkeep()
    await log.upkeep()
    assert before + 1 == flushes(disk)
    await write(log, commit(2))
    await log.close()
    assert before + 2 == flushes(disk)


async def test_a_closed_log_takes_nothing() -> None:
    """Closing flushes first."""
    disk = RecordingDisk()
    log = await open_log(disk)
    done = log.append([commit(1)])
    await log.close()
    await done
    with pytest.raises(StorageFailedError, match="is closed"):
        log.append([commit(2)])
    before = disk.operation_count
    await log.upkeep()
    assert before == disk.operation_count


# --- a start ------------------------------------------------------------------------------------


async def test_a_start_begins_a_file() -> None:
    """Named by the offset of its first record; the old one goes when the new one is durable."""
    disk = RecordingDisk()
    log = await open_log(disk)
    assert ["00000000000000000000.log"] == files(disk)
    await write(log, commit(1), commit(2), commit(3))
    await log.close()
    again = await open_log(disk)
    assert ["00000000000000000003.log"] == files(disk)
    assert [commit(3)] == contents(again)
    await again.close()
    await open_log(disk)
    assert ["00000000000000000004.log"] == files(disk)


async def test_a_start_drops_offsets_of_topics_that_are_gone() -> None:
    """They would be those of another topic of the same name."""
    disk = RecordingDisk()
    await write(await open_log(disk), commit(1), commit(2, topic="u", topic_id=OTHER_ID))

    def is_current(change: OffsetCommitted) -> bool:
        return change.committed.topic_id != OTHER_ID

    assert [commit(1)] == contents(await open_log(disk, is_current=is_current))
    assert [commit(1)] == contents(await open_log(disk))


async def test_a_start_ends_all_memberships() -> None:
    """A group that had members is empty from now on; one that was empty stays so since then."""
    disk, clock = RecordingDisk(), ManualClock()
    present = GroupOccupied("g", "consumer", None)
    left = GroupOccupied("h", "consumer", 5)
    await write(await open_log(disk, clock=clock), commit(1), present, commit(1, group="h"), left)
    clock.advance(1000)
    log = await open_log(disk, clock=clock)
    assert (attrs.evolve(present, empty_since_ms=NOW_MS + 1000), left) == (
        log.table.occupied("g"),
        log.table.occupied("h"),
    )


# --- compaction ---------------------------------------------------------------------------------


async def overgrown(disk: RecordingDisk) -> list[Change]:
    """Commits of which most are superseded, more than a file may have."""
    log = await open_log(disk)
    for number in range(40):
        await write(log, *(commit(number, partition=p % 7, metadata="x" * 4000) for p in range(7)))
    assert log.size_bytes > offset_log.COMPACTION_BYTES_MIN
    await log.upkeep()
    assert log.size_bytes < offset_log.COMPACTION_BYTES_MIN // 10
    await write(log, commit(99))
    return contents(log)


async def test_a_grown_file_is_compacted() -> None:
    """Its live records go into a new one, and commits go on there."""
    disk = RecordingDisk()
    expected = await overgrown(disk)
    assert ["00000000000000000280.log"] == files(disk)
    assert expected == contents(await open_log(disk))


async def test_a_file_that_is_large_and_lives_is_left_alone() -> None:
    """Rewriting it would gain nothing."""
    disk = RecordingDisk()
    log = await open_log(disk)
    await write(log, *(commit(1, partition=p, metadata="x" * 4000) for p in range(300)))
    await log.upkeep()
    assert ["00000000000000000000.log"] == files(disk)


async def test_a_compaction_that_fails_costs_nothing() -> None:
    """Commits go on in the old file, or, where the new one may have got its name, after another one."""
    for fault in (
        Fault(Kind.WRITE, 1),
        Fault(Kind.FLUSH, 1),
        Fault(Kind.RENAME, 1),
        Fault(Kind.SYNC_DIRECTORY, 1),
        Fault(Kind.OPEN, 2),
    ):
        disk = RecordingDisk()
        faulty = FaultyDisk(disk)
        log = await open_log(faulty)
        await write(log, *(commit(n) for n in range(300)))
        with patch.object(offset_log, "COMPACTION_BYTES_MIN", 1):
            faulty.reset(fault)
            waits = log.append([commit(300)])
            await log.upkeep()
            assert 1 == faulty.failures, fault
            refuses = log.failure is not None
            assert (fault.kind in {Kind.RENAME, Kind.SYNC_DIRECTORY, Kind.OPEN}) is refuses, fault
            await log.flush()
            assert [refuses] == [bool(why) for why in await refused([waits])], fault
            await log.upkeep()
        assert log.failure is None
        await write(log, commit(301, partition=1))
        assert contents(log) == contents(await open_log(disk)), fault


# --- a volume that refuses ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.WRITE, Kind.FLUSH])
async def test_what_was_refused_is_not_there(kind: Kind) -> None:
    """All who wait are refused; what was written is set aside and cut; commits go on in a new file."""
    disk = RecordingDisk()
    faulty = FaultyDisk(disk)
    log = await open_log(faulty)
    await write(log, commit(1))
    faulty.reset(Fault(kind, 1, Effect.SHORT_THEN_ENOSPC if kind is Kind.WRITE else Effect.EIO))
    futures = [log.append([commit(2)]), log.append([commit(3)])]
    log.append([commit(4)]).cancel()
    await log.flush()
    assert all(await refused(futures))
    assert ([commit(1)], None) == (contents(log), log.failure)
    (copy,) = disk.names(QUARANTINE)
    assert copy.startswith("groups-0-")
    await write(log, commit(4, partition=1))
    assert [commit(1), commit(4, partition=1)] == contents(await open_log(disk))


async def test_a_volume_that_goes_on_refusing() -> None:
    """Commits are refused at once until an upkeep succeeds; what is durable can be read."""
    disk = RecordingDisk()
    faulty = FaultyDisk(disk)
    log = await open_log(faulty)
    await write(log, commit(1))
    faulty.reset(Fault(Kind.FLUSH, 1, once=False))
    futures = [log.append([commit(2)])]
    await log.flush()
    await log.upkeep()
    assert all(await refused(futures))
    with pytest.raises(StorageFailedError, match="commits wait for the volume"):
        log.append([commit(3)])
    assert [commit(1)] == contents(log)
    faulty.reset(None)
    await log.upkeep()
    await write(log, commit(4))
    await log.close()
    assert [commit(4)] == contents(await open_log(disk))


async def test_closing_after_a_failure() -> None:
    """Nothing is tried any more."""
    faulty = FaultyDisk(RecordingDisk())
    log = await open_log(faulty)
    faulty.reset(Fault(Kind.FLUSH, 1, once=False))
    futures = [log.append([commit(2)])]
    await log.flush()
    await log.close()
    assert all(await refused(futures))


async def test_a_flush_of_policy_os_that_fails() -> None:
    """What was answered is written anew, from memory."""
    disk = RecordingDisk()
    faulty = FaultyDisk(disk)
    log = await open_log(faulty, policy=FlushPolicy.OS)
    await write(log, commit(1))
    faulty.reset(Fault(Kind.FLUSH, 1))
    waits = log.append([commit(2)])
    await log.upkeep()
    assert [True] == [bool(why) for why in await refused([waits])]
    assert [commit(1)] == contents(log)
    assert [commit(1)] == contents(await open_log(disk.with_content({})))


async def test_an_old_file_that_cannot_be_removed() -> None:
    """It does no harm, and is removed later."""
    disk = RecordingDisk()
    faulty = FaultyDisk(disk)
    await write(await open_log(faulty), commit(1))
    faulty.reset(Fault(Kind.UNLINK, 1, once=False))
    log = await open_log(faulty)
    assert 2 == len(files(disk))
    await log.upkeep()
    faulty.reset(None)
    await log.upkeep()
    assert [newest(disk).name] == files(disk)
    assert GROUPS == newest(disk).parent
