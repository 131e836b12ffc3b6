"""Changes of topics that clients ask for: one at a time, and within the broker's rules."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from eventlog.broker.refusal import RefusedError
from eventlog.broker.topic_rules import TopicRules
from eventlog.errors import EventLogError, InvalidPartitionsError, InvalidTopicSettingError, TopicExistsError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import TopicSettings
from eventlog.storage.topic import Topic, check_partitions, check_topic_name

DEFAULT_PARTITIONS = -1
"""As a number of partitions: the broker's `default_partitions`."""

TopicsDeleted = Callable[[Sequence[str]], Awaitable[None]]
"""Awaited with the names of deleted topics, for whoever keeps something by a topic's name."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class TopicAdmin:
    """Creates, grows, alters and deletes the topics of one data directory.

    Every call raises what `LogDirectory` raises, RefusedError where a rule is broken, and OSError. With
    `validate_only` everything is checked and nothing changed.
    """

    def __init__(self, directory: LogDirectory, rules: TopicRules, on_topics_deleted: TopicsDeleted) -> None:
        self.rules = rules
        self._directory = directory
        self._on_topics_deleted = on_topics_deleted
        self._changing = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def can_auto_create(self) -> bool:
        """Whether a topic may be made for who only asks about it."""
        return self.rules.is_admin_allowed and self.rules.is_auto_create_allowed

    def check_allowed(self) -> None:
        """RefusedError where this broker takes no changes."""
        if not self.rules.is_admin_allowed:
            raise RefusedError(
                ErrorCode.TOPIC_AUTHORIZATION_FAILED,
                "this broker takes no changes of topics (--no-admin): ask its operator",
            )

    def count_partitions(self, asked: int) -> int:
        """The number of partitions that a new topic gets."""
        return check_partitions(self.rules.default_partitions if asked == DEFAULT_PARTITIONS else asked)

    async def create(
        self, name: str, partitions: int, settings: TopicSettings, *, validate_only: bool = False
    ) -> Topic | None:
        """The new topic; None where it was only validated."""
        self.check_allowed()
        self._check_settings(settings)
        return await self._whole(self._create(name, partitions, settings, validate_only=validate_only))

    async def grow(self, name: str, partitions: int, *, validate_only: bool = False) -> None:
        """Raise the number of a topic's partitions to `partitions`."""
        self.check_allowed()
        await self._whole(self._grow(name, partitions, validate_only=validate_only))

    async def alter(
        self, name: str, change: Callable[[TopicSettings], TopicSettings], *, validate_only: bool = False
    ) -> None:
        """Give a topic the settings that `change` makes of its present ones."""
        self.check_allowed()
        await self._whole(self._alter(name, change, validate_only=validate_only))

    async def delete(self, which: str | uuid.UUID) -> Topic:
        """Delete the topic of that name or id; that it is gone is told even where the volume failed then."""
        self.check_allowed()
        return await self._whole(self._delete(which))

    async def delete_records(self, topic: str, number: int, offset: int) -> int:
        """See `PartitionLog.delete_records`; the new log start offset."""
        self.check_allowed()
        return await self._whole(self._directory.delete_records(topic, number, offset))

    async def finish(self) -> None:
        """Wait for the changes that are under way, before the directory is closed."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    # --- one change at a time ----------------------------------------------------------------

    async def _whole(self, change: Coroutine[Any, Any, T]) -> T:
        """Finish a change that has begun, also where the client that asked for it leaves meanwhile.

        Half of one would leave what is in memory different from what is on the volume.
        """

        async def alone() -> T:
            async with self._changing:
                return await change

        task = asyncio.ensure_future(alone())
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen: who asked may have gone, and then nobody else looks

    async def _create(
        self, name: str, partitions: int, settings: TopicSettings, *, validate_only: bool
    ) -> Topic | None:
        count = self.count_partitions(partitions)
        if check_topic_name(name) in self._directory.topics.names():
            raise TopicExistsError(f"there is a topic {name!r} already")
        self._check_room(count)
        return None if validate_only else await self._directory.create_topic(name, count, settings)

    async def _grow(self, name: str, partitions: int, *, validate_only: bool) -> None:
        more = check_partitions(partitions) - self._directory.topics.get(name).partitions
        if more <= 0:
            raise InvalidPartitionsError(
                f"topic {name!r} has {partitions - more} partitions already; they can only become more"
            )
        self._check_room(more)
        if not validate_only:
            await self._directory.add_partitions(name, partitions)

    async def _alter(
        self, name: str, change: Callable[[TopicSettings], TopicSettings], *, validate_only: bool
    ) -> None:
        settings = change(self._directory.topics.get(name).settings)
        self._check_settings(settings)
        if not validate_only:
            await self._directory.alter_topic(name, settings)

    async def _delete(self, which: str | uuid.UUID) -> Topic:
        topics = self._directory.topics
        topic = topics.get(which) if isinstance(which, str) else self._with_id(which)
        try:
            await self._directory.delete_topic(topic.name)
        except OSError:
            if topic.name not in topics.names():  # it is gone, though perhaps not durably
                await self._tell_deleted(topic.name)
            raise
        await self._tell_deleted(topic.name)
        return topic

    def _with_id(self, topic_id: uuid.UUID) -> Topic:
        topics = self._directory.topics
        for topic in map(topics.get, topics.names()):
            if topic.topic_id == topic_id:
                return topic
        raise RefusedError(ErrorCode.UNKNOWN_TOPIC_ID, f"there is no topic with the id {topic_id}")

    async def _tell_deleted(self, name: str) -> None:
        """The topic is gone: whatever becomes of what others keep of it, its deletion has succeeded."""
        try:
            await self._on_topics_deleted([name])
        except (OSError, EventLogError) as error:
            logger.warning(
                "what is kept of a deleted topic could not be cleared",
                extra={"action": "delete", "topic": name, "error": str(error)},
            )

    def _check_settings(self, settings: TopicSettings) -> None:
        most = self.rules.message_bytes_max
        if settings.max_message_bytes > most:
            raise InvalidTopicSettingError(
                f"max.message.bytes = {settings.max_message_bytes}: requests of this broker have room for "
                f"{most}; choose less, or raise --request-bytes-max"
            )

    def _check_room(self, more: int) -> None:
        topics = self._directory.topics
        present = sum(topics.get(name).partitions for name in topics.names())
        if present + more > self.rules.partitions_max:
            raise RefusedError(
                ErrorCode.POLICY_VIOLATION,
                f"{more} more partitions on top of {present} exceed this broker's limit of "
                f"{self.rules.partitions_max}: delete topics, use fewer partitions, or raise the limit",
            )
