"""CreateTopics, DeleteTopics, CreatePartitions and DeleteRecords."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eventlog.broker.handlers.config_entries import topic_entries, with_values
from eventlog.broker.identity import NODE_ID
from eventlog.broker.refusal import Refusal, RefusedError, attempt, code_of, message_of
from eventlog.broker.request import Handler, Reply, Request
from eventlog.broker.topic_admin import DEFAULT_PARTITIONS, TopicAdmin
from eventlog.errors import InvalidTopicSettingError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import TopicSettings
from eventlog.storage.topic import Topic

DEFAULT_REPLICAS = -1
REPLICAS = 1
TOPICS_BY_ID_FROM = 6
"""The version of DeleteTopics that also takes ids."""
NONE = -1
"""As a number of partitions or replicas, or a low watermark, where there is an error instead."""


class TopicHandlers:
    """Carries out what clients ask, item by item: one that fails keeps none of the others back.

    The timeouts of these requests are not looked at: what is begun is finished, and then answered.
    """

    def __init__(self, directory: LogDirectory, admin: TopicAdmin) -> None:
        self._directory = directory
        self._admin = admin

    def handlers(self) -> dict[ApiKey, Handler]:
        """What this answers."""
        return {
            ApiKey.CREATE_TOPICS: self.create_topics,
            ApiKey.DELETE_TOPICS: self.delete_topics,
            ApiKey.CREATE_PARTITIONS: self.create_partitions,
            ApiKey.DELETE_RECORDS: self.delete_records,
        }

    # --- CreateTopics ------------------------------------------------------------------------

    async def create_topics(self, request: Request) -> Reply:
        """Topics that exist, durably, when this is answered."""
        count_of = Counter(topic.name for topic in request.body.topics)
        topics = []
        for asked in {topic.name: topic for topic in request.body.topics}.values():
            work = self._create(asked, count_of[asked.name], validate_only=request.body.validate_only)
            made = await attempt("create topic", asked.name, work)
            topics.append(_refused_topic(asked.name, made) if isinstance(made, Refusal) else made)
        return {"topics": topics}

    async def _create(self, asked: Any, times_asked: int, *, validate_only: bool) -> Mapping[str, Any]:
        self._admin.check_allowed()
        _check_asked_once(asked.name, times_asked)
        partitions = _partitions_of(asked)
        settings = with_values(TopicSettings(), _values_of(asked.configs))
        made = await self._admin.create(asked.name, partitions, settings, validate_only=validate_only)
        return {
            "name": asked.name,
            "topic_id": None if made is None else made.topic_id,
            "error_code": ErrorCode.NONE,
            "error_message": None,
            "num_partitions": self._admin.count_partitions(partitions),
            "replication_factor": REPLICAS,
            "configs": [
                {
                    "name": entry.name,
                    "value": entry.value,
                    "read_only": entry.is_read_only,
                    "config_source": entry.source,
                    "is_sensitive": False,
                }
                for entry in topic_entries(settings)
            ],
        }

    # --- DeleteTopics ------------------------------------------------------------------------

    async def delete_topics(self, request: Request) -> Reply:
        """Topics that are gone, durably, when this is answered; each once, by name or by id."""
        if request.api_version < TOPICS_BY_ID_FROM:
            wanted = dict.fromkeys((name, None) for name in request.body.topic_names)
        else:
            wanted = dict.fromkeys((topic.name, topic.topic_id) for topic in request.body.topics)
        responses = []
        for name, topic_id in wanted:
            item = str(topic_id) if name is None else name
            outcome = await attempt("delete topic", item, self._delete(name, topic_id))
            deleted = outcome if isinstance(outcome, Topic) else None
            responses.append(
                {
                    "name": deleted.name if deleted else name,
                    "topic_id": deleted.topic_id if deleted else topic_id,
                    "error_code": code_of(outcome),
                    "error_message": message_of(outcome),
                }
            )
        return {"responses": responses}

    async def _delete(self, name: str | None, topic_id: uuid.UUID | None) -> Topic:
        self._admin.check_allowed()
        which = name if topic_id is None else topic_id
        if which is None or None not in (name, topic_id):
            raise RefusedError(ErrorCode.INVALID_REQUEST, "give either a topic's name or its id")
        return await self._admin.delete(which)

    # --- CreatePartitions --------------------------------------------------------------------

    async def create_partitions(self, request: Request) -> Reply:
        """More partitions for topics; records stay where they are, keys may move."""
        count_of = Counter(topic.name for topic in request.body.topics)
        results = []
        for asked in {topic.name: topic for topic in request.body.topics}.values():
            work = self._grow(asked, count_of[asked.name], validate_only=request.body.validate_only)
            outcome = await attempt("create partitions", asked.name, work)
            results.append(
                {
                    "name": asked.name,
                    "error_code": code_of(outcome),
                    "error_message": message_of(outcome),
                }
            )
        return {"results": results}

    async def _grow(self, asked: Any, times_asked: int, *, validate_only: bool) -> None:
        self._admin.check_allowed()
        _check_asked_once(asked.name, times_asked)
        if asked.assignments is not None:
            _check_assignments(assignment.broker_ids for assignment in asked.assignments)
            more = asked.count - self._directory.topics.get(asked.name).partitions
            if len(asked.assignments) != more > 0:
                raise RefusedError(
                    ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                    f"{len(asked.assignments)} assignments are given for {more} more partitions",
                )
        await self._admin.grow(asked.name, asked.count, validate_only=validate_only)

    # --- DeleteRecords -----------------------------------------------------------------------

    async def delete_records(self, request: Request) -> Reply:
        """Partitions whose logs begin, durably, where they are asked to when this is answered."""
        topics = []
        for topic in request.body.topics:
            partitions = []
            for asked in topic.partitions:
                index = asked.partition_index
                work = self._admin.delete_records(topic.name, index, asked.offset)
                outcome = await attempt("delete records", f"{topic.name}-{index}", work)
                partitions.append(
                    {
                        "partition_index": index,
                        "low_watermark": outcome if isinstance(outcome, int) else NONE,
                        "error_code": code_of(outcome),
                    }
                )
            topics.append({"name": topic.name, "partitions": partitions})
        return {"topics": topics}


# --- reading what is asked ---------------------------------------------------------------------


def _check_asked_once(name: str, times_asked: int) -> None:
    if times_asked > 1:
        raise RefusedError(
            ErrorCode.INVALID_REQUEST, f"topic {name!r} is named {times_asked} times; once is enough"
        )


def _partitions_of(asked: Any) -> int:
    """How many partitions a new topic is to have, by its number of them or by its assignments."""
    if not asked.assignments:
        if asked.replication_factor not in (DEFAULT_REPLICAS, REPLICAS):
            raise RefusedError(
                ErrorCode.INVALID_REPLICATION_FACTOR,
                f"{asked.replication_factor} replicas are not possible on one broker; use {REPLICAS}",
            )
        return int(asked.num_partitions)
    if (asked.num_partitions, asked.replication_factor) != (DEFAULT_PARTITIONS, DEFAULT_REPLICAS):
        raise RefusedError(
            ErrorCode.INVALID_REQUEST, "give assignments, or numbers of partitions and replicas, not both"
        )
    _check_assignments(assignment.broker_ids for assignment in asked.assignments)
    numbers = sorted(assignment.partition_index for assignment in asked.assignments)
    if numbers != list(range(len(numbers))):
        raise RefusedError(
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
            "partitions are assigned once each, numbered from 0 without a gap",
        )
    return len(numbers)


def _check_assignments(assignments: Iterable[Sequence[int]]) -> None:
    for broker_ids in assignments:
        if list(broker_ids) != [NODE_ID]:
            raise RefusedError(
                ErrorCode.INVALID_REPLICA_ASSIGNMENT,
                f"brokers {list(broker_ids)} cannot be assigned; there is just [{NODE_ID}]",
            )


def _values_of(configs: Sequence[Any]) -> dict[str, str | None]:
    values = {config.name: config.value for config in configs}
    if len(values) < len(configs):
        raise InvalidTopicSettingError("a setting is given more than once; give each once")
    return values


def _refused_topic(name: str, refusal: Refusal) -> Mapping[str, Any]:
    return {
        "name": name,
        "topic_id": None,
        "error_code": refusal.error_code,
        "error_message": refusal.error_message,
        "num_partitions": NONE,
        "replication_factor": NONE,
        "configs": (),
    }
