"""`gputail log offsets`: committed offsets, and what is wrong with their log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import patch

import attrs
import pytest

from eventlog.clock import SteadyClock
from eventlog.group import offset_log
from eventlog.group.committed import Change, Committed, OffsetCommitted
from eventlog.group.offset_log import OffsetLog
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.offsets import read_offsets_log
from eventlog.storage.disk import Entry, PosixDisk
from eventlog.storage.settings import FlushPolicy
from eventlog.storage.topic import unpack_topic
from tests.eventlog.inspect.written import START_MS, TOPIC, Said, digest, flip, log, write_log
from tests.reliability.manual_clock import ManualClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of 60 records, and two groups that have committed, one commit a batch."""
    write_log(tmp_path, partitions=2)
    topic_json = tmp_path / "topics" / TOPIC / "topic.json"
    topic_id = unpack_topic(topic_json.read_bytes(), topic_json).topic_id
    changes: list[Change] = [
        OffsetCommitted(group_id, TOPIC, partition, Committed(offset, 2, metadata, START_MS, topic_id))
        for group_id, partition, offset, metadata in (
            ("a", 0, 10, "first"),
            ("a", 0, 50, "second"),
            ("a", 1, 0, ""),
            ("b", 0, 60, ""),
        )
    ]
    asyncio.run(commit(tmp_path, changes))
    return tmp_path


async def commit(path: Path, changes: list[Change]) -> None:
    disk = PosixDisk()
    found = await OffsetLog.open(
        path,
        disk=disk,
        clock=SteadyClock(ManualClock(START_MS)),
        policy=FlushPolicy.GROUP,
        is_current=lambda _: True,
    )
    for change in changes:
        found.append([change])
        await found.flush()
    await found.close()
    disk.close()


def offsets_file(path: Path) -> Path:
    (found,) = (path / "groups").glob("*.log")
    return found


def rows(said: Said) -> list[tuple[str, int, int, int | None]]:
    """Group, partition, offset and lag."""
    return [
        (each["group"], each["partition"], each["offset"], each["lag_records"])
        for each in said.of_type("offset")
    ]


ALL = [("a", 0, 50, 10), ("a", 1, 0, 0), ("b", 0, 60, 0)]


def test_offsets_and_lag(path: Path) -> None:
    """By group, topic and partition; nothing is written."""
    before = digest(path)
    said = log("offsets", "--data-dir", path, "--json")
    assert (0, "", ALL) == (said.code, said.err, rows(said))
    assert [("second", 2, 60, "2026-01-01T00:00:00.000Z")] == [
        (each["metadata"], each["leader_epoch"], each["log_end_offset"], each["committed_at"])
        for each in said.of_type("offset")[:1]
    ]
    assert 0 == log("offsets", "--data-dir", path).code
    assert before == digest(path)


def test_one_group_or_one_topic(path: Path) -> None:
    """The others are left out; a topic must be there, a group need not."""
    assert ALL[2:] == rows(log("offsets", "--data-dir", path, "--group", "b", "--json"))
    assert ALL == rows(log("offsets", "--data-dir", path, "--topic", TOPIC, "--json"))
    nobody = log("offsets", "--data-dir", path, "--group", "c")
    assert (0, "0 groups") == (nobody.code, nobody.out.splitlines()[-1][:8])
    absent = log("offsets", "--data-dir", path, "--topic", "other")
    assert (1, f"gputail: there is no topic 'other' in {path}\n") == (absent.code, absent.err)


def test_a_directory_without_groups(tmp_path: Path) -> None:
    """Nobody has committed anything: no more and no less."""
    write_log(tmp_path)
    assert (0, []) == ((said := log("offsets", "--data-dir", tmp_path, "--json")).code, said.objects)
    assert [] == log("verify", "--data-dir", tmp_path, "--json").of_type("offsets_log")
    (tmp_path / "groups").mkdir()
    assert 0 == log("offsets", "--data-dir", tmp_path).code


def test_a_torn_tail(path: Path) -> None:
    """What is before it is shown; the exit code says so, of `verify` too."""
    file = offsets_file(path)
    file.write_bytes(file.read_bytes()[:-3])
    before = digest(path)
    said = log("offsets", "--data-dir", path, "--json")
    assert (3, ALL[:2]) == (said.code, rows(said))
    assert "gputail: torn tail: `gputail log verify` says more\n" == said.err
    (finding,) = said.of_type("finding")
    assert ("torn tail", str(file)) == (finding["severity"], finding["path"])
    verified = log("verify", "--data-dir", path, "--json")
    assert (3, ["torn tail"]) == (
        verified.code,
        [each["verdict"] for each in verified.of_type("offsets_log")],
    )
    assert before == digest(path)


def test_damage(path: Path) -> None:
    """The batch is named; the commit before it stands."""
    file = offsets_file(path)
    flip(file, file.stat().st_size // 4 + 100)
    said = log("offsets", "--data-dir", path, "--json")
    assert (4, [("a", 0, 10, 50), *ALL[1:]]) == (said.code, rows(said))
    (finding,) = said.of_type("finding")
    assert ("corruption", 1, 2) == (finding["severity"], finding["offset"], finding["next_offset"])
    assert "the commits in it are lost" in log("verify", path).out
    assert 4 == log("verify", path).code
    assert 0 == log("verify", path, "--topic", TOPIC).code


def test_files_that_do_not_count(path: Path) -> None:
    """Are noted, and change nothing."""
    file = offsets_file(path)
    (file.parent / "00000000000000000099.log.tmp").write_bytes(b"half")
    (file.parent / "00000000000000000009.log").touch()
    said = log("verify", path, "--json")
    notes = [Path(each["path"]).name for each in said.of_type("finding") if each["severity"] == "note"]
    assert ["00000000000000000099.log.tmp", file.name] == notes
    assert [] == rows(log("offsets", "--data-dir", path, "--json"))


def test_a_foreign_file(path: Path) -> None:
    """Is told, and is no damage."""
    (path / "groups" / "notes.txt").touch()
    said = log("offsets", "--data-dir", path)
    assert 1 == said.code
    assert "notes.txt is not a file of the offsets log; move it out of this folder" in said.err


def test_a_deleted_topic(path: Path) -> None:
    """Its offsets have no lag; a broker drops them at its next start."""
    (path / "topics" / TOPIC).rename(path / "elsewhere")
    (path / "topics" / "kept").mkdir()
    assert 0 == log("offsets", "--data-dir", path, "--topic", "kept").code
    said = log("offsets", "--data-dir", path, "--json")
    assert [("a", 0, 50, None), ("a", 1, 0, None), ("b", 0, 60, None)] == rows(said)
    assert {True} == {each["is_deleted"] for each in said.of_type("offset")}


def test_a_topic_that_cannot_be_looked_at(path: Path) -> None:
    """Is not taken for a deleted one."""
    flip(path / "topics" / TOPIC / "topic.json", 60)
    said = log("offsets", "--data-dir", path, "--json")
    assert (1, {False}) == (said.code, {each["is_deleted"] for each in said.of_type("offset")})


def test_beside_a_running_broker(path: Path) -> None:
    """A batch that is half written is no damage, and a file that goes is looked for again."""
    file = offsets_file(path)
    file.write_bytes(file.read_bytes()[:-3])

    async def look() -> Said:
        disk = PosixDisk()
        lock = await disk.lock(path / "lock")
        try:
            return await asyncio.to_thread(log, "offsets", "--data-dir", path, "--json")
        finally:
            lock.release()
            disk.close()

    said = asyncio.run(look())
    assert (0, ALL[:2]) == (said.code, rows(said))


async def test_while_commits_and_compactions_go_on(path: Path) -> None:
    """Whatever moment is caught, it is a whole one: no damage, and all that had been committed by then."""
    disk, steady = PosixDisk(), SteadyClock(ManualClock(START_MS))
    lock = await disk.lock(path / "lock")
    found = await OffsetLog.open(
        path, disk=disk, clock=steady, policy=FlushPolicy.GROUP, is_current=lambda _: True
    )
    running = asyncio.create_task(found.run())
    committed = found.table.offsets("b")[TOPIC, 0]
    offset = 60

    async def go_on() -> None:
        nonlocal offset
        while True:
            following = attrs.evolve(committed, offset=offset + 1)
            await found.append([OffsetCommitted("b", TOPIC, 0, following)])
            offset += 1
            if offset % 16 == 0:
                await found.upkeep()

    with patch.object(offset_log, "COMPACTION_BYTES_MIN", 1):
        going_on = asyncio.create_task(go_on())
        looks = 0
        while looks < 20 or offset < 200:
            assert not going_on.done()
            looks += 1
            least = offset
            said = await asyncio.to_thread(log, "offsets", "--data-dir", path, "--group", "b", "--json")
            assert (0, []) == (said.code, said.of_type("finding")), said
            assert least <= rows(said)[0][2] <= offset + 1
    for task in (going_on, running):
        task.cancel()
    await asyncio.wait([going_on, running])
    await found.close()
    lock.release()
    disk.close()


@pytest.mark.parametrize("is_live", [True, False])
def test_a_file_that_goes_while_it_is_looked_for(path: Path, is_live: bool) -> None:
    """A running broker has begun another; without one there is nothing to be seen."""
    with Inspector() as inspector:
        survey = attrs.evolve(inspector.survey(path), is_live=is_live)
        listings = [[Entry("00000000000000000009.log", False, 0, 0)], inspector.entries(path / "groups")]
        with patch.object(Inspector, "entries", lambda self, folder: listings.pop(0)):
            report = read_offsets_log(inspector, survey)
    assert (["a", "b"] if is_live else []) == report.table.group_ids()


def test_a_file_that_is_always_gone(path: Path) -> None:
    """The search ends."""
    with Inspector() as inspector:
        survey = attrs.evolve(inspector.survey(path), is_live=True)
        gone = [Entry("00000000000000000009.log", False, 0, 0)]
        with patch.object(Inspector, "entries", lambda self, folder: gone):
            assert read_offsets_log(inspector, survey).path is None
