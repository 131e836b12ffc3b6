"""Metadata and DescribeCluster: who the broker is, and which topics and partitions it has."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from eventlog.broker.identity import LEADER_EPOCH, Identity
from eventlog.broker.refusal import attempt, refusal_of
from eventlog.broker.request import Handler, Reply, Request
from eventlog.broker.topic_admin import DEFAULT_PARTITIONS, TopicAdmin
from eventlog.errors import InvalidTopicError, UnknownTopicError
from eventlog.protocol.error_codes import ErrorCode
from eventlog.protocol.versions import ApiKey
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import TopicSettings
from eventlog.storage.topic import Topic, check_topic_name

NOT_ASKED = -(2**31)
"""As a set of authorized operations: there is no authorization, so it is never answered otherwise."""
NULL_NAME_FROM = 12
"""The version of Metadata whose answers may lack a topic's name; its requests may from version 10 on."""
BROKERS = 1
"""As the type of an endpoint; the other type are controllers that are no brokers."""


class ClusterMetadata:
    """Answers from what is in memory; only a topic that is made for its asker touches the volume."""

    def __init__(self, directory: LogDirectory, identity: Identity, admin: TopicAdmin) -> None:
        self._directory = directory
        self._identity = identity
        self._admin = admin
        self._partitions: list[Mapping[str, Any]] = []

    def handlers(self) -> dict[ApiKey, Handler]:
        """What this answers."""
        return {ApiKey.METADATA: self.metadata, ApiKey.DESCRIBE_CLUSTER: self.describe_cluster}

    async def metadata(self, request: Request) -> Reply:
        """All topics, or those that are asked for by name or by id, each once."""
        wanted = request.body.topics
        if wanted is None or (request.api_version == 0 and not wanted):
            topics = [
                self._topic(self._directory.topics.get(name)) for name in self._directory.topics.names()
            ]
        else:
            topics = await self._wanted(request)
        return {
            "brokers": [self._broker("node_id")],
            "cluster_id": self._identity.cluster_id,
            "controller_id": self._identity.node_id,
            "topics": topics,
            "cluster_authorized_operations": NOT_ASKED,
        }

    async def describe_cluster(self, request: Request) -> Reply:
        """The cluster of one broker."""
        endpoint_type = getattr(request.body, "endpoint_type", BROKERS)
        is_known = endpoint_type == BROKERS
        return {
            "error_code": ErrorCode.NONE if is_known else ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            "error_message": None if is_known else "this is a broker's port: ask for the brokers",
            "endpoint_type": endpoint_type,
            "cluster_id": self._identity.cluster_id,
            "controller_id": self._identity.node_id,
            "brokers": [self._broker("broker_id")] if is_known else [],
            "cluster_authorized_operations": NOT_ASKED,
        }

    async def _wanted(self, request: Request) -> list[Mapping[str, Any]]:
        # Versions before 4 cannot say that they do not want the topic made.
        is_creating = getattr(request.body, "allow_auto_topic_creation", True) and self._admin.can_auto_create
        # Each once: a topic named again and again would make a large answer of a small request.
        wanted = dict.fromkeys(
            (topic.name, getattr(topic, "topic_id", None)) for topic in request.body.topics
        )
        by_id = {}
        if any(name is None for name, _ in wanted):
            by_id = {
                topic.topic_id: topic
                for topic in map(self._directory.topics.get, self._directory.topics.names())
            }
        found = []
        for name, topic_id in wanted:
            if name is not None:
                found.append(await self._named(name, is_creating=is_creating))
            elif topic_id in by_id:
                found.append(self._topic(by_id[topic_id]))
            else:
                unnamed = None if request.api_version >= NULL_NAME_FROM else ""
                found.append(_missing(ErrorCode.UNKNOWN_TOPIC_ID, unnamed, topic_id))
        return found

    async def _named(self, name: str, *, is_creating: bool) -> Mapping[str, Any]:
        try:
            return self._topic(self._directory.topics.get(name))
        except UnknownTopicError as error:
            unknown = error
        try:
            check_topic_name(name)
        except InvalidTopicError as error:
            return _missing(refusal_of(error).error_code, name)
        if is_creating:
            made = await attempt(
                "create", name, self._admin.create(name, DEFAULT_PARTITIONS, TopicSettings())
            )
            if isinstance(made, Topic):
                return self._topic(made)
        return _missing(refusal_of(unknown).error_code, name)

    def _broker(self, id_field: str) -> Mapping[str, Any]:
        identity = self._identity
        return {id_field: identity.node_id, "host": identity.host, "port": identity.port, "rack": None}

    def _topic(self, topic: Topic) -> Mapping[str, Any]:
        return {
            "error_code": ErrorCode.NONE,
            "name": topic.name,
            "topic_id": topic.topic_id,
            "is_internal": False,
            "partitions": self._first_partitions(topic.partitions),
            "topic_authorized_operations": NOT_ASKED,
        }

    def _first_partitions(self, count: int) -> list[Mapping[str, Any]]:
        """The partitions of any topic with so many: they differ by their numbers only."""
        nodes = (self._identity.node_id,)
        for index in range(len(self._partitions), count):
            self._partitions.append(
                {
                    "error_code": ErrorCode.NONE,
                    "partition_index": index,
                    "leader_id": self._identity.node_id,
                    "leader_epoch": LEADER_EPOCH,
                    "replica_nodes": nodes,
                    "isr_nodes": nodes,
                    "offline_replicas": (),
                }
            )
        return self._partitions[:count]


def _missing(code: ErrorCode, name: str | None, topic_id: uuid.UUID | None = None) -> Mapping[str, Any]:
    return {
        "error_code": code,
        "name": name,
        "topic_id": topic_id,
        "is_internal": False,
        "partitions": (),
        "topic_authorized_operations": NOT_ASKED,
    }
