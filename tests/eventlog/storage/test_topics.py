"""Topics: made, grown, changed and deleted with one commit point each, whatever interrupts it."""

from __future__ import annotations

import pytest

from eventlog.errors import (
    InvalidPartitionsError,
    InvalidTopicError,
    StorageFailedError,
    TopicExistsError,
    UnknownTopicError,
)
from eventlog.storage.settings import TopicSettings
from tests.eventlog.storage.living_partition import batch
from tests.eventlog.storage.open_directory import DELETING, TOPICS, OpenDirectory
from tests.reliability.disks.faulty import Fault, Kind


async def opened() -> OpenDirectory:
    """A directory with a topic "t" of two partitions, a record in each."""
    directory = OpenDirectory()
    await directory.open()
    await directory.directory.create_topic("t", 2)
    for number in range(2):
        await directory.keep("t", number, f"v{number}")
    return directory


# --- making and finding ------------------------------------------------------------------------


async def test_topic_survives_a_restart() -> None:
    """A topic is found again with its id, partitions, settings and records."""
    directory = OpenDirectory()
    await directory.open()
    settings = TopicSettings(retention_ms=5, segment_bytes=1000)
    topic = await directory.directory.create_topic("t", 3, settings)
    await directory.keep("t", 2, "a")

    await directory.restart()

    assert topic == directory.directory.topics.get("t")
    assert ["t"] == directory.directory.topics.names()
    assert ["a"] == await directory.read("t", 2)
    assert [settings] * 3 == [log.settings for log in directory.directory.topics.logs()]


async def test_many_partitions() -> None:
    """More partitions than are opened at once are all opened, in order."""
    directory = OpenDirectory()
    await directory.open()
    await directory.directory.create_topic("t", 19)
    assert [f"t-{number}" for number in range(19)] == [log.name for log in directory.directory.topics.logs()]


async def test_names_are_sorted() -> None:
    """Topics and their partitions come by name and number."""
    directory = await opened_with("b", "a")
    assert ["a", "b"] == directory.directory.topics.names()
    assert ["a-0", "b-0"] == [log.name for log in directory.directory.topics.logs()]


async def opened_with(*names: str) -> OpenDirectory:
    directory = OpenDirectory()
    await directory.open()
    for name in names:
        await directory.directory.create_topic(name, 1)
    return directory


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "ä", "x" * 250])
async def test_name_that_cannot_be(name: str) -> None:
    """A name that is not Kafka's is refused before anything is made."""
    directory = await opened_with()
    with pytest.raises(InvalidTopicError, match="cannot be a topic name"):
        await directory.directory.create_topic(name, 1)
    assert [] == directory.disk.listing(TOPICS)


@pytest.mark.parametrize("count", [0, -1, 10_001])
async def test_count_that_cannot_be(count: int) -> None:
    """So is a number of partitions that is not possible."""
    directory = await opened_with()
    with pytest.raises(InvalidPartitionsError, match=f"{count} partitions are not possible"):
        await directory.directory.create_topic("t", count)


async def test_topic_that_exists() -> None:
    """A name is given once."""
    directory = await opened_with("t")
    with pytest.raises(TopicExistsError):
        await directory.directory.create_topic("t", 1)


@pytest.mark.parametrize("number", [-1, 2])
async def test_unknown_partition(number: int) -> None:
    """A partition that is not there is unknown."""
    directory = await opened()
    with pytest.raises(UnknownTopicError, match=f"no partition {number} of a topic 't'"):
        directory.directory.partition("t", number)


async def test_unknown_topic() -> None:
    """So is a topic, whatever is wanted of it."""
    directory = await opened_with()
    topics = directory.directory.topics
    for call in (topics.delete("x"), topics.add_partitions("x", 2), topics.alter("x", TopicSettings())):
        with pytest.raises(UnknownTopicError, match="there is no topic 'x'"):
            await call
    with pytest.raises(UnknownTopicError):
        directory.directory.partition("x", 0)


# --- changing ----------------------------------------------------------------------------------


async def test_add_partitions() -> None:
    """New partitions are there at once and after a restart; the old ones keep what they have."""
    directory = await opened()
    topic = await directory.directory.add_partitions("t", 4)
    await directory.keep("t", 3, "new")
    await directory.restart()
    assert (4, topic) == (topic.partitions, directory.directory.topics.get("t"))
    assert [["v0"], ["v1"], [], ["new"]] == [await directory.read("t", number) for number in range(4)]


@pytest.mark.parametrize("count", [1, 2])
async def test_partitions_never_become_fewer(count: int) -> None:
    """Only a higher number of partitions is possible."""
    directory = await opened()
    with pytest.raises(InvalidPartitionsError, match="has 2 partitions already; they can only become more"):
        await directory.directory.add_partitions("t", count)


async def test_alter() -> None:
    """Open partitions follow new settings at once, and keep them."""
    directory = await opened()
    await directory.directory.alter_topic("t", TopicSettings(max_message_bytes=100))
    await directory.directory.add_partitions("t", 3)
    for _ in range(2):
        assert [100] * 3 == [log.settings.max_message_bytes for log in directory.directory.topics.logs()]
        await directory.restart()


async def test_delete() -> None:
    """A deleted topic is gone at once and after a restart; its space follows, and its name is free."""
    directory = await opened()
    log = directory.directory.partition("t", 0)
    await directory.directory.delete_topic("t")
    with pytest.raises(UnknownTopicError):
        directory.directory.partition("t", 0)
    with pytest.raises(StorageFailedError):
        log.append(batch("a"))
    assert ([], 1) == (directory.disk.listing(TOPICS), len(directory.disk.listing(DELETING)))

    await directory.directory.topics.purge()
    assert [] == directory.disk.listing(DELETING)
    await directory.directory.create_topic("t", 1)
    await directory.restart()
    assert (["t"], []) == (directory.directory.topics.names(), await directory.read("t", 0))


async def test_deleted_topic_is_not_flushed() -> None:
    """What a deleted topic had not flushed is nobody's work any more."""
    directory = await opened()
    directory.directory.partition("t", 0).append(batch("a"))
    await directory.directory.delete_topic("t")
    before = directory.disk.operation_count
    await directory.directory.flush()
    assert before == directory.disk.operation_count


# --- interruptions -----------------------------------------------------------------------------

STEPS = [Kind.MAKE_DIRECTORY, Kind.OPEN, Kind.WRITE, Kind.FLUSH, Kind.RENAME, Kind.SYNC_DIRECTORY, Kind.LIST]


async def interrupt(directory: OpenDirectory, change: str, kind: Kind, nth: int, *arguments: object) -> bool:
    """Do a change of which one step fails; whether it failed."""
    directory.faults.reset(Fault(kind, nth))
    try:
        await getattr(directory.directory, change)(*arguments)
    except OSError:
        return True
    finally:
        directory.faults.reset(None)
    return False


@pytest.mark.parametrize("kind", STEPS, ids=lambda kind: kind.value)
async def test_interrupted_creation(kind: Kind) -> None:
    """A topic that could not be made whole leaves nothing open, and its name can be used again."""
    nth, failed = 0, True
    while failed:
        nth += 1
        directory = OpenDirectory()
        await directory.open()
        failed = await interrupt(directory, "create_topic", kind, nth, "t", 2)
        if failed:
            assert ([], []) == (directory.directory.topics.names(), directory.open_paths)
            await directory.directory.create_topic("t", 2)
        await directory.keep("t", 1, "a")
        await directory.restart()
        assert ["a"] == await directory.read("t", 1)
    assert nth > 1 or kind is Kind.LIST


@pytest.mark.parametrize("kind", STEPS, ids=lambda kind: kind.value)
async def test_interrupted_creation_and_a_kill(kind: Kind) -> None:
    """After a kill in the middle of a creation the directory opens, with the whole topic or without it."""
    nth, failed = 0, True
    while failed:
        nth += 1
        directory = OpenDirectory()
        await directory.open()
        failed = await interrupt(directory, "create_topic", kind, nth, "t", 2)
        await directory.restart()
        assert directory.directory.topics.names() in ([], ["t"])
        assert directory.directory.topics.names() == directory.disk.listing(TOPICS)
        assert [] == directory.disk.listing(DELETING)


@pytest.mark.parametrize("kind", STEPS, ids=lambda kind: kind.value)
async def test_interrupted_growth(kind: Kind) -> None:
    """Where partitions cannot be added the topic stays as it was, and they can be added later."""
    nth, failed = 0, True
    while failed:
        nth += 1
        directory = await opened()
        before = directory.open_paths
        failed = await interrupt(directory, "add_partitions", kind, nth, "t", 3)
        if failed:
            assert (2, before) == (directory.directory.topics.get("t").partitions, directory.open_paths)
            await directory.directory.add_partitions("t", 3)
        await directory.keep("t", 2, "new")
        await directory.restart()
        assert [["v0"], ["v1"], ["new"]] == [await directory.read("t", number) for number in range(3)]


@pytest.mark.parametrize("kind", [Kind.OPEN, Kind.WRITE, Kind.FLUSH, Kind.RENAME, Kind.SYNC_DIRECTORY])
async def test_interrupted_change(kind: Kind) -> None:
    """Settings that could not be written do not count."""
    directory = await opened()
    assert await interrupt(directory, "alter_topic", kind, 1, "t", TopicSettings(retention_ms=5))
    assert TopicSettings() == directory.directory.topics.get("t").settings
    assert TopicSettings() == directory.directory.partition("t", 0).settings


async def test_deletion_that_the_volume_refuses() -> None:
    """Where the folder cannot be moved the topic stays, with its records, and takes appends."""
    directory = await opened()
    assert await interrupt(directory, "delete_topic", Kind.RENAME, 1, "t")
    await directory.keep("t", 0, "more")
    assert ["v0", "more"] == await directory.read("t", 0)
    await directory.restart()
    assert ["v0", "more"] == await directory.read("t", 0)


@pytest.mark.parametrize("nth", [1, 2])
async def test_deletion_whose_end_is_in_doubt(nth: int) -> None:
    """Where only the last flush of a deletion fails the topic is gone, and the directory opens."""
    directory = await opened()
    assert await interrupt(directory, "delete_topic", Kind.SYNC_DIRECTORY, nth, "t")
    assert [] == directory.directory.topics.names()
    await directory.directory.create_topic("t", 1)
    await directory.restart()
    assert [] == await directory.read("t", 0)


@pytest.mark.parametrize("kind", [Kind.LIST, Kind.UNLINK, Kind.REMOVE_DIRECTORY, Kind.SYNC_DIRECTORY])
async def test_interrupted_purge(kind: Kind) -> None:
    """A deletion whose emptying was interrupted is emptied at the next start."""
    nth, failed = 0, True
    while failed:
        nth += 1
        directory = await opened()
        await directory.directory.delete_topic("t")
        directory.faults.reset(Fault(kind, nth))
        try:
            await directory.directory.topics.purge()
            failed = False
        except OSError:
            failed = True
        directory.faults.reset(None)
        await directory.restart()
        assert [] == directory.disk.listing(DELETING)
    assert nth > 1


async def test_purge_beside_another_one() -> None:
    """What has gone by itself is not missed."""
    directory = await opened()
    await directory.directory.delete_topic("t")
    (name,) = directory.disk.listing(DELETING)
    listing = directory.disk.list

    async def list_and_lose(path: object) -> object:
        found = await listing(path)  # type: ignore[arg-type]
        if path == DELETING / name:
            raise FileNotFoundError(2, "gone", str(path))
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(directory.disk, "list", list_and_lose)
        await directory.directory.topics.purge()
