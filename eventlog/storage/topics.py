"""The topics of a data directory: made, changed, deleted and found again, each with its commit point.

A topic exists when its `topic.json` does: partition folders are made, recovered and synced first. It is
gone when its folder has been renamed into `deleting/`; what lies there is emptied in the background.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from pathlib import Path

import attrs

from eventlog.errors import ForeignFileError, InvalidPartitionsError, TopicExistsError, UnknownTopicError
from eventlog.storage.atomic_file import replace_file
from eventlog.storage.directory_files import DELETING_NAME, TOPICS_NAME
from eventlog.storage.disk import sync_directory
from eventlog.storage.flusher import Flusher
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.settings import TopicSettings
from eventlog.storage.topic import TOPIC_FILE_NAME, Topic, check_partitions, check_topic_name, unpack_topic
from eventlog.storage.volume import Volume

OPENED_AT_ONCE = 8

logger = logging.getLogger(__name__)


class Topics:
    """Every topic and its open partitions. Changes are made one at a time."""

    def __init__(self, path: Path, volume: Volume, flusher: Flusher) -> None:
        self._folder = path / TOPICS_NAME
        self._deleting = path / DELETING_NAME
        self._volume = volume
        self._flusher = flusher
        self._topics: dict[str, Topic] = {}
        self._logs: dict[str, list[PartitionLog]] = {}
        self._changing = asyncio.Lock()

    # --- finding -----------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The topics' names, sorted."""
        return sorted(self._topics)

    def get(self, name: str) -> Topic:
        """A topic; UnknownTopicError where there is none."""
        if name not in self._topics:
            raise UnknownTopicError(f"there is no topic {name!r}")
        return self._topics[name]

    def partition(self, name: str, number: int) -> PartitionLog:
        """An open partition; UnknownTopicError where there is none."""
        logs = self._logs.get(name, [])
        if not 0 <= number < len(logs):
            raise UnknownTopicError(f"there is no partition {number} of a topic {name!r}")
        return logs[number]

    def logs(self) -> list[PartitionLog]:
        """Every open partition, by topic and number."""
        return [log for name in self.names() for log in self._logs[name]]

    # --- changing ----------------------------------------------------------------------------

    async def load(self) -> None:
        """Open every topic in the folder, and finish what was interrupted."""
        try:
            await self._load()
        except BaseException:
            await self._discard_logs(self.logs())
            raise

    async def _load(self) -> None:
        await self._purge()
        for entry in await self._volume.disk.list(self._folder):
            if entry.name.startswith("."):
                continue
            folder = self._folder / entry.name
            if not entry.is_directory:
                raise ForeignFileError(f"{folder} is not a topic; move it out of this folder")
            if await self._volume.disk.exists(folder / TOPIC_FILE_NAME):
                path = folder / TOPIC_FILE_NAME
                topic = unpack_topic(await self._volume.disk.read(path), path)
                if topic.name != entry.name:
                    raise ForeignFileError(
                        f"{folder} holds the topic {topic.name!r}; give the folder its name"
                    )
                self._logs[topic.name] = await self._open_partitions(topic, range(topic.partitions))
                self._topics[topic.name] = topic
            else:
                await self._discard(folder)

    async def create(self, name: str, partitions: int, settings: TopicSettings | None = None) -> Topic:
        """Make a topic; it exists, durably, when this returns. InvalidTopicError, TopicExistsError."""
        topic = Topic(
            check_topic_name(name), uuid.uuid4(), check_partitions(partitions), settings or TopicSettings()
        )
        async with self._changing:
            if name in self._topics:
                raise TopicExistsError(f"there is a topic {name!r} already")
            folder = self._folder / name
            if await self._volume.disk.exists(folder):
                await self._discard(folder)
            await self._volume.disk.make_directory(folder)
            await sync_directory(self._volume.disk, self._folder)
            logs = await self._open_partitions(topic, range(partitions))
            await self._commit(topic, logs)
            return topic

    async def add_partitions(self, name: str, partitions: int) -> Topic:
        """Raise the number of partitions to `partitions`."""
        async with self._changing:
            topic = self.get(name)
            if check_partitions(partitions) <= topic.partitions:
                raise InvalidPartitionsError(
                    f"topic {name!r} has {topic.partitions} partitions already; they can only become more"
                )
            grown = attrs.evolve(topic, partitions=partitions)
            logs = await self._open_partitions(grown, range(topic.partitions, partitions))
            await self._commit(grown, logs)
            return grown

    async def alter(self, name: str, settings: TopicSettings) -> Topic:
        """Give a topic other settings; open partitions follow at once."""
        async with self._changing:
            topic = attrs.evolve(self.get(name), settings=settings)
            await self._commit(topic, [])
            for log in self._logs[name]:
                log.settings = settings
            return topic

    async def delete(self, name: str) -> None:
        """Delete a topic; it is gone, durably, when this returns, its space a little later."""
        async with self._changing:
            topic = self.get(name)
            await self._discard_logs(self._logs[name])
            try:
                await self._volume.disk.rename(self._folder / name, self._deleting / str(topic.topic_id))
            except OSError:
                self._logs[name] = await self._open_partitions(topic, range(topic.partitions))
                raise
            # A reader may have opened a file since: a topic of the same name must not be read from it.
            self._volume.open_files.forget_folder(self._folder / name)
            del self._topics[name], self._logs[name]
            await self._sync_names()

    async def purge(self) -> None:
        """Free the space of deleted topics."""
        async with self._changing:
            await self._purge()

    async def _purge(self) -> None:
        disk = self._volume.disk
        entries = await disk.list(self._deleting)
        if entries:  # a killed process may have left the rename undurable: what is emptied must stay away
            await self._sync_names()
        for entry in entries:
            await self._empty(self._deleting / entry.name)

    async def close(self) -> None:
        """Close every partition; the first OSError is raised when all of them are closed."""
        logs, self._topics, self._logs = self.logs(), {}, {}
        errors = []
        for log in logs:
            try:
                await self._flusher.end(log, log.close)
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _open_partitions(self, topic: Topic, numbers: range) -> list[PartitionLog]:
        folder = self._folder / topic.name
        for number in numbers:
            await self._volume.disk.make_directory(folder / str(number))
        logs: list[PartitionLog] = []
        try:
            for first in range(0, len(numbers), OPENED_AT_ONCE):
                opening = [
                    PartitionLog.open(self._volume, topic.name, number, folder / str(number), topic.settings)
                    for number in numbers[first : first + OPENED_AT_ONCE]
                ]
                outcomes = await asyncio.gather(*opening, return_exceptions=True)
                logs += [log for log in outcomes if isinstance(log, PartitionLog)]
                for outcome in outcomes:
                    if isinstance(outcome, BaseException):
                        raise outcome
            await sync_directory(self._volume.disk, folder)
        except BaseException:
            await self._discard_logs(logs)
            raise
        for log in logs:
            log.on_append = self._flusher.wake
        return logs

    async def _commit(self, topic: Topic, more_logs: list[PartitionLog]) -> None:
        """Write `topic.json`, and only then show the topic with its new partitions."""
        try:
            await replace_file(self._volume.disk, self._folder / topic.name / TOPIC_FILE_NAME, topic.pack())
        except BaseException:
            await self._discard_logs(more_logs)
            raise
        self._topics[topic.name] = topic
        self._logs.setdefault(topic.name, []).extend(more_logs)

    async def _discard(self, folder: Path) -> None:
        """Remove a topic's folder whose making was interrupted; ForeignFileError where it holds records."""
        if await self._holds_records(folder):
            raise ForeignFileError(
                f"{folder} holds records but no {TOPIC_FILE_NAME}; restore that file or move the folder away"
            )
        await self._volume.disk.rename(folder, self._deleting / str(uuid.uuid4()))
        await self._sync_names()
        await self._purge()

    async def _sync_names(self) -> None:
        """Make a move into `deleting/` durable."""
        await sync_directory(self._volume.disk, self._deleting)
        await sync_directory(self._volume.disk, self._folder)

    async def _discard_logs(self, logs: list[PartitionLog]) -> None:
        for log in logs:
            await self._flusher.end(log, log.discard)

    async def _holds_records(self, folder: Path) -> bool:
        for entry in await self._volume.disk.list(folder):
            if entry.is_directory:
                for file in await self._volume.disk.list(folder / entry.name):
                    if file.name.endswith(".log") and file.size_bytes:
                        return True
        return False

    async def _empty(self, folder: Path) -> None:
        with suppress(FileNotFoundError):
            for entry in await self._volume.disk.list(folder):
                if entry.is_directory:
                    await self._empty(folder / entry.name)
                else:
                    await self._volume.disk.unlink(folder / entry.name)
            await self._volume.disk.remove_directory(folder)
