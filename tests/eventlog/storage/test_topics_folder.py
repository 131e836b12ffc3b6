"""What may stand in the topics' folder besides topics: refused by name, and never thrown away."""

from __future__ import annotations

import json

import pytest

from eventlog.errors import DamagedMetadataError, ForeignFileError, NewerFormatError
from tests.eventlog.storage.living_partition import PLENTY
from tests.eventlog.storage.open_directory import TOPICS, OpenDirectory
from tests.reliability.disks.faulty import Fault, Kind


async def opened_with(*names: str) -> OpenDirectory:
    directory = OpenDirectory()
    await directory.open()
    for name in names:
        await directory.directory.create_topic(name, 1)
    return directory


async def opened() -> OpenDirectory:
    """A directory with a topic "t" of two partitions, a record in each."""
    directory = OpenDirectory()
    await directory.open()
    await directory.directory.create_topic("t", 2)
    for number in range(2):
        await directory.keep("t", number, f"v{number}")
    return directory


async def test_foreign_file_among_topics() -> None:
    """A file among the topics is named and refused; a hidden one is nobody's business."""
    directory = await opened()
    await directory.directory.close()
    directory.disk.replace(TOPICS / ".DS_Store", b"")
    await directory.open()
    await directory.directory.close()
    directory.disk.replace(TOPICS / "notes.txt", b"")
    with pytest.raises(ForeignFileError, match=r"notes\.txt is not a topic; move it out"):
        await directory.open()
    assert [] == directory.open_paths


async def test_folder_of_another_name() -> None:
    """A topic's folder that was renamed is refused, for its name would lie."""
    directory = await opened()
    await directory.directory.close()
    await directory.disk.rename(TOPICS / "t", TOPICS / "other")
    with pytest.raises(ForeignFileError, match="holds the topic 't'; give the folder its name"):
        await directory.open()


async def test_records_without_a_topic_file() -> None:
    """Records whose topic.json is gone are never thrown away."""
    directory = await opened()
    await directory.directory.close()
    directory.disk.remove(TOPICS / "t" / "topic.json")
    before = directory.disk.files()
    with pytest.raises(ForeignFileError, match=r"holds records but no topic\.json; restore that file"):
        await directory.open()
    assert before == directory.disk.files()


async def test_records_in_the_way_of_a_new_topic() -> None:
    """Nor are they when somebody makes a topic of that name."""
    directory = await opened_with()
    await directory.disk.make_directory(TOPICS / "t" / "0")
    directory.disk.replace(TOPICS / "t" / "0" / "00000000000000000000.log", b"x")
    with pytest.raises(ForeignFileError, match="holds records"):
        await directory.directory.create_topic("t", 1)


async def test_damaged_topic_file() -> None:
    """A topic.json with a flipped bit is refused; the topics that were opened before are closed."""
    directory = await opened_with("a", "b")
    await directory.directory.close()
    path = TOPICS / "b" / "topic.json"
    directory.disk.replace(path, directory.disk.content(path).replace(b'"partitions": 1', b'"partitions": 3'))
    with pytest.raises(DamagedMetadataError, match="does not match its checksum"):
        await directory.open()
    assert [] == directory.open_paths


async def test_newer_topic_file() -> None:
    """A topic.json of a newer format asks for an upgrade."""
    directory = await opened()
    await directory.directory.close()
    path = TOPICS / "t" / "topic.json"
    envelope = {**json.loads(directory.disk.content(path)), "format": 2}
    directory.disk.replace(path, json.dumps(envelope).encode())
    with pytest.raises(NewerFormatError, match="has format 2, this gputail knows 1; upgrade"):
        await directory.open()


async def test_one_partition_that_cannot_be_opened() -> None:
    """Where one partition of a topic cannot be opened the others are closed again."""
    directory = await opened()
    await directory.directory.close()
    directory.disk.replace(TOPICS / "t" / "1" / "notes.txt", b"")
    with pytest.raises(ForeignFileError, match=r"notes\.txt"):
        await directory.open()
    assert [] == directory.open_paths
    directory.disk.remove(TOPICS / "t" / "1" / "notes.txt")
    await directory.open()
    assert PLENTY > len(await directory.read("t", 1)) > 0


async def test_close_that_fails() -> None:
    """A partition that cannot leave its clean mark does not keep the others from closing."""
    directory = await opened()
    directory.faults.reset(Fault(Kind.OPEN, 1))
    with pytest.raises(OSError, match="Input/output error"):
        await directory.directory.close()
    assert [] == directory.open_paths
    await directory.open()
    assert [False, True] == [log.recovered.is_clean for log in directory.directory.topics.logs()]
