"""What lies in a data directory: its topics and partitions, and what is wrong before any log is read."""

from __future__ import annotations

from pathlib import Path

import attrs

from eventlog.errors import (
    DamagedMetadataError,
    DataDirectoryError,
    EventLogError,
    ForeignFileError,
    UnknownTopicError,
)
from eventlog.inspect.findings import Finding, Severity
from eventlog.inspect.partition import PartitionPlace
from eventlog.storage.directory_files import (
    DELETING_NAME,
    LOCK_NAME,
    META_NAME,
    QUARANTINE_NAME,
    TOPICS_NAME,
    read_meta,
)
from eventlog.storage.disk import Disk, Entry
from eventlog.storage.segment import LOG_SUFFIX
from eventlog.storage.topic import TOPIC_FILE_NAME, Topic, unpack_topic


@attrs.frozen
class FoundTopic:
    """A topic's folder; `topic` is None where its `topic.json` cannot be believed."""

    name: str
    topic: Topic | None
    partitions: tuple[PartitionPlace, ...]
    findings: tuple[Finding, ...] = ()


@attrs.frozen
class Survey:
    """A data directory, as it stands now."""

    path: Path
    cluster_id: str | None
    is_live: bool
    topics: tuple[FoundTopic, ...]
    findings: tuple[Finding, ...]

    @property
    def partitions(self) -> list[PartitionPlace]:
        return [place for topic in self.topics for place in topic.partitions]

    @property
    def all_findings(self) -> list[Finding]:
        return [*self.findings, *(finding for topic in self.topics for finding in topic.findings)]


async def survey_directory(
    disk: Disk, path: Path, *, topic: str | None = None, partition: int | None = None
) -> Survey:
    """Look a data directory over; with `topic` and `partition` only those.

    Raises DataDirectoryError where it is none or of a newer format, UnknownTopicError where there is no
    such topic or partition, OSError.
    """
    names = {entry.name for entry in await disk.list(path)}
    if META_NAME not in names:
        raise DataDirectoryError(
            f"{path} is not a data directory, for it has no {META_NAME}; name one, or a folder or file of one"
        )
    findings = []
    cluster_id = None
    try:
        cluster_id = read_meta(await disk.read(path / META_NAME), path / META_NAME)
    except DamagedMetadataError as error:
        findings.append(Finding(Severity.CORRUPTION, str(error), path / META_NAME))
    is_live = await disk.is_locked(path / LOCK_NAME)
    entries = await _list(disk, path / TOPICS_NAME)
    if topic is not None and topic not in {entry.name for entry in entries}:
        raise UnknownTopicError(f"there is no topic {topic!r} in {path}")
    topics = []
    for entry in entries:
        folder = path / TOPICS_NAME / entry.name
        if entry.name.startswith(".") or (topic is not None and entry.name != topic):
            continue
        if not entry.is_directory:
            text = f"{folder} is not a topic; move it out of this folder"
            findings.append(Finding(Severity.FAILED, text, folder))
            continue
        found = await _survey_topic(disk, folder, is_live=is_live)
        if found is not None:
            topics.append(_only(found, partition))
    findings += await _set_aside(disk, path)
    return Survey(path, cluster_id, is_live, tuple(topics), tuple(findings))


async def place_of_folder(disk: Disk, folder: Path) -> PartitionPlace:
    """A partition's folder by its absolute path: inside its data directory, or a copy anywhere."""
    unknown = PartitionPlace(folder)
    if len(folder.parents) < 3 or folder.parents[1].name != TOPICS_NAME or not folder.name.isdigit():
        return unknown
    data_directory = folder.parents[2]
    topic_path = folder.parent / TOPIC_FILE_NAME
    if not (await disk.exists(data_directory / META_NAME) and await disk.exists(topic_path)):
        return unknown
    try:
        topic: Topic | None = unpack_topic(await disk.read(topic_path), topic_path)
    except EventLogError:
        topic = None
    is_live = await disk.is_locked(data_directory / LOCK_NAME)
    return _place(folder, topic, folder.parent.name, int(folder.name), is_live=is_live)


async def _survey_topic(disk: Disk, folder: Path, *, is_live: bool) -> FoundTopic | None:
    """One topic's folder; None where it vanished meanwhile."""
    path, name = folder / TOPIC_FILE_NAME, folder.name
    try:
        entries = await disk.list(folder)
        data = await disk.read(path)
    except FileNotFoundError:
        return await _without_topic_file(disk, folder, is_live=is_live)
    topic: Topic | None = None
    findings = []
    try:
        topic = unpack_topic(data, path)
        if topic.name != name:
            raise ForeignFileError(f"{folder} holds the topic {topic.name!r}; give the folder its name")
    except DamagedMetadataError as error:
        findings.append(Finding(Severity.CORRUPTION, str(error), path, name))
    except DataDirectoryError as error:
        return FoundTopic(name, None, (), (Finding(Severity.FAILED, str(error), path, name),))
    numbers = _numbers(entries)
    expected = set(numbers) if topic is None else set(range(topic.partitions))
    places = [
        _place(folder / str(number), topic, name, number, is_live=is_live)
        for number in sorted(expected & set(numbers))
    ]
    for number in sorted(expected - set(numbers)):
        text = "the partition's folder is missing"
        findings.append(Finding(Severity.CORRUPTION, text, folder / str(number), name, number))
    for number in sorted(set(numbers) - expected):
        text = f"{TOPIC_FILE_NAME} knows no such partition: one was being added"
        findings.append(Finding(Severity.NOTE, text, folder / str(number), name, number))
    return FoundTopic(name, topic, tuple(places), tuple(findings))


async def _without_topic_file(disk: Disk, folder: Path, *, is_live: bool) -> FoundTopic | None:
    """A topic that is being made or deleted at this moment, was interrupted, or has lost its file."""
    entries = await _list(disk, folder)
    places = [_place(folder / str(n), None, folder.name, n, is_live=is_live) for n in _numbers(entries)]
    files = [file for place in places for file in await _list(disk, place.folder)]
    if any(file.name.endswith(LOG_SUFFIX) and file.size_bytes for file in files):
        text = f"{folder} holds records but no {TOPIC_FILE_NAME}; restore that file or move the folder away"
        finding = Finding(Severity.FAILED, text, folder, folder.name)
        return FoundTopic(folder.name, None, tuple(places), (finding,))
    if is_live or not entries:
        return None
    text = f"{folder} was being made; the next start removes it"
    return FoundTopic(folder.name, None, (), (Finding(Severity.NOTE, text, folder, folder.name),))


def _place(folder: Path, topic: Topic | None, name: str, number: int, *, is_live: bool) -> PartitionPlace:
    interval_bytes = None if topic is None else topic.settings.index_interval_bytes
    return PartitionPlace(folder, name, number, interval_bytes, is_live)


def _numbers(entries: list[Entry]) -> list[int]:
    found = [entry.name for entry in entries if entry.is_directory and entry.name.isdecimal()]
    return sorted(int(name) for name in found if name == str(int(name)))


def _only(topic: FoundTopic, partition: int | None) -> FoundTopic:
    if partition is None:
        return topic
    places = tuple(place for place in topic.partitions if place.number == partition)
    findings = tuple(finding for finding in topic.findings if finding.partition in {partition, None})
    if not places and not findings:
        raise UnknownTopicError(f"topic {topic.name!r} has no partition {partition}")
    return attrs.evolve(topic, partitions=places, findings=findings)


async def _set_aside(disk: Disk, path: Path) -> list[Finding]:
    """What waits in `quarantine/` and `deleting/`."""
    findings = []
    kept = await _list(disk, path / QUARANTINE_NAME)
    if kept:
        size_bytes = sum(entry.size_bytes for entry in kept)
        text = (
            f"{len(kept)} files, {size_bytes} bytes, were set aside by recoveries; `log dump FILE` reads them"
        )
        findings.append(Finding(Severity.NOTE, text, path / QUARANTINE_NAME))
    deleting = await _list(disk, path / DELETING_NAME)
    if deleting:
        text = f"{len(deleting)} deleted topics are still to be emptied"
        findings.append(Finding(Severity.NOTE, text, path / DELETING_NAME))
    return findings


async def _list(disk: Disk, folder: Path) -> list[Entry]:
    try:
        return await disk.list(folder)
    except FileNotFoundError:
        return []
