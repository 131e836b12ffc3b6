"""A data directory: one lock, one format, its topics and their partitions.

DIR/lock                            flock of the one process that writes
DIR/meta.json                       format version, cluster id
DIR/topics/<topic>/topic.json       see `topic`
DIR/topics/<topic>/<partition>/     see `partition_files`
DIR/groups/<n>.log                  committed offsets, kept by `eventlog.group`
DIR/deleting/<topic id>/            a topic being deleted, emptied in the background and at start
DIR/quarantine/                     what recovery set aside, never deleted by the log
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from eventlog.clock import Clock, SteadyClock
from eventlog.storage.atomic_file import replace_file
from eventlog.storage.directory_files import (
    DELETING_NAME,
    LOCK_NAME,
    META_NAME,
    TOPICS_NAME,
    check_new_directory,
    new_meta,
    read_meta,
)
from eventlog.storage.disk import Disk, Lock, sync_directory
from eventlog.storage.flusher import Flusher
from eventlog.storage.partition_log import PartitionLog
from eventlog.storage.settings import VOLUME_SHARE, FlushPolicy, LogSettings, TopicSettings
from eventlog.storage.topic import Topic
from eventlog.storage.topics import Topics
from eventlog.storage.volume import Volume

T = TypeVar("T")

logger = logging.getLogger(__name__)


class LogDirectory:
    """The open data directory; made by `open`, ended by `close`.

    `run` keeps it flushed, settled and retained; without it, nothing of that happens by itself.
    """

    def __init__(
        self, volume: Volume, flusher: Flusher, topics: Topics, *, cluster_id: str, lock: Lock
    ) -> None:
        self.topics = topics
        self.cluster_id = cluster_id
        self.flusher = flusher
        self._volume = volume
        self._lock = lock
        self._clock_was_steady = True

    @classmethod
    async def open(cls, path: Path, *, disk: Disk, clock: Clock, settings: LogSettings) -> LogDirectory:
        """Lock the directory, making it where it is missing, and recover every partition.

        Raises DataDirectoryError (in use, foreign, newer, damaged metadata) and OSError; nothing has been
        changed then but what recovery had already finished.
        """
        await disk.make_directory(path)
        names = [entry.name for entry in await disk.list(path)]
        check_new_directory(path, names)
        lock = await disk.lock(path / LOCK_NAME)
        try:
            for name in (TOPICS_NAME, DELETING_NAME):
                await disk.make_directory(path / name)
            if META_NAME in names:
                cluster_id = read_meta(await disk.read(path / META_NAME), path / META_NAME)
            else:
                cluster_id, data = new_meta()
                await replace_file(disk, path / META_NAME, data)
            await sync_directory(disk, path)  # also what an earlier start that failed has made
            with suppress(PermissionError):  # a parent that is somebody else's holds a directory made before
                await sync_directory(disk, path.parent)
            volume = Volume.build(path, disk, SteadyClock(clock), settings)
            await volume.free_space.refresh()
            flusher = Flusher(disk, clock)
            topics = Topics(path, volume, flusher)
            await topics.load()
        except BaseException:
            lock.release()
            raise
        return cls(volume, flusher, topics, cluster_id=cluster_id, lock=lock)

    @property
    def free_bytes(self) -> int:
        """Free space of the volume when it was last measured."""
        return self._volume.free_space.space.free_bytes

    @property
    def total_bytes(self) -> int:
        """The volume's size when it was last measured."""
        return self._volume.free_space.space.total_bytes

    @property
    def is_low(self) -> bool:
        """Whether appends are refused for want of space."""
        return self._volume.free_space.is_low

    def partition(self, topic: str, number: int) -> PartitionLog:
        """An open partition; UnknownTopicError where there is none."""
        return self.topics.partition(topic, number)

    async def create_topic(self, name: str, partitions: int, settings: TopicSettings | None = None) -> Topic:
        """See `Topics.create`."""
        return await self.topics.create(name, partitions, settings)

    async def add_partitions(self, name: str, partitions: int) -> Topic:
        """See `Topics.add_partitions`."""
        return await self.topics.add_partitions(name, partitions)

    async def alter_topic(self, name: str, settings: TopicSettings) -> Topic:
        """See `Topics.alter`."""
        return await self.topics.alter(name, settings)

    async def delete_topic(self, name: str) -> None:
        """See `Topics.delete`."""
        await self.topics.delete(name)

    async def delete_records(self, topic: str, number: int, offset: int) -> int:
        """See `PartitionLog.delete_records`."""
        return await self.partition(topic, number).delete_records(offset)

    async def flush(self) -> None:
        """One flush round over all that is dirty."""
        await self.flusher.flush()

    async def run(self) -> None:
        """Flush as appends ask for it, see to the rest each settle interval, until cancelled."""
        interval_s = self._volume.settings.settle_interval_ms / 1000
        async with asyncio.TaskGroup() as tasks:
            if self._volume.settings.flush is FlushPolicy.GROUP:
                tasks.create_task(self.flusher.run())
            while True:
                await asyncio.sleep(interval_s)
                await self.maintain()

    async def maintain(self) -> None:
        """One turn of upkeep: space, failed volumes, settled state, retention, deleted topics.

        What the volume refuses is logged and tried again at the next turn.
        """
        await self._try("measure free space", self._volume.free_space.refresh())
        if self._volume.settings.flush is FlushPolicy.OS:
            await self.flush()
        for log in self.topics.logs():
            if log.failure is not None and await log.restore():
                logger.warning("writing resumes after a failed flush", extra=_fields("restore", log))
            await self._try("settle", log.settle(), log)
        await self.apply_retention()
        await self._try("empty deleted topics", self.topics.purge())

    async def apply_retention(self) -> int:
        """Delete the segments that are due; returns how many."""
        is_steady = self._volume.clock.is_steady()
        if is_steady != self._clock_was_steady:
            logger.warning(
                "the wall clock was stepped; retention by age pauses"
                if not is_steady
                else "retention by age resumes",
                extra={"action": "retain", "drift_ms": self._volume.clock.drift_ms()},
            )
            self._clock_was_steady = is_steady
        logs = self.topics.logs()
        sharing = sum(log.settings.retention_bytes == VOLUME_SHARE for log in logs)
        allowed = self._volume.free_space.space.total_bytes * self._volume.settings.volume_share
        deleted = 0
        for log in logs:
            own = log.settings.retention_bytes
            retention_bytes = int(allowed / sharing) if own == VOLUME_SHARE else own
            deleted += await self._try("retain", log.retain(retention_bytes), log) or 0
        return deleted

    async def close(self) -> None:
        """Flush, leave clean marks, close the files and release the lock."""
        try:
            await self.flush()
            await self.topics.close()
        finally:
            self._volume.open_files.close()
            self._lock.release()

    async def _try(self, action: str, work: Awaitable[T], log: PartitionLog | None = None) -> T | None:
        try:
            return await work
        except OSError as error:
            logger.warning(
                "the volume refused upkeep; it is tried again",
                extra={**_fields(action, log), "error": str(error)},
            )
            return None


def _fields(action: str, log: PartitionLog | None) -> dict[str, str]:
    return {"action": action} if log is None else {"action": action, "partition": log.name}
