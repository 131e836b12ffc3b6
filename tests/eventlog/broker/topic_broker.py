"""The handlers that know topics, over a data directory on a disk in memory that a test can break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from eventlog.broker.handlers.configs import Configs
from eventlog.broker.handlers.list_offsets import ListOffsets
from eventlog.broker.handlers.metadata import ClusterMetadata
from eventlog.broker.handlers.topics import TopicHandlers
from eventlog.broker.identity import Identity
from eventlog.broker.request import Handler
from eventlog.broker.topic_admin import TopicAdmin
from eventlog.broker.topic_rules import TopicRules
from eventlog.protocol import ApiKey
from eventlog.storage.log_directory import LogDirectory
from tests.eventlog.broker.asking import ask
from tests.eventlog.storage.open_directory import OpenDirectory

IDENTITY = Identity(host="broker.example", port=9092, cluster_id="the-cluster")
BROKER_SETTINGS = {"num.partitions": "3", "gputail.flush": "group"}


@attrs.define
class TopicBroker:
    """Made by `begin` or `over`; `deleted` are the names of the topics whose deletion was told, in turn."""

    storage: OpenDirectory
    rules: TopicRules
    handlers: Mapping[ApiKey, Handler] = attrs.field(factory=dict)
    deleted: list[str] = attrs.field(factory=list)
    failure: Exception | None = None
    """What whoever is told of a deletion raises."""

    @classmethod
    async def begin(cls, rules: TopicRules | None = None, **topics: int) -> TopicBroker:
        """A broker with those topics, each with so many partitions."""
        storage = OpenDirectory()
        directory = await storage.open()
        for name, partitions in topics.items():
            await directory.create_topic(name, partitions)
        return cls.over(storage, rules)

    @classmethod
    def over(cls, storage: OpenDirectory, rules: TopicRules | None = None) -> TopicBroker:
        """A broker over a directory that is open already."""
        broker = cls(storage, rules or TopicRules())
        admin = TopicAdmin(broker.directory, broker.rules, broker._note_deleted)
        for family in (
            ClusterMetadata(broker.directory, IDENTITY, admin),
            ListOffsets(broker.directory),
            TopicHandlers(broker.directory, admin),
            Configs(broker.directory, admin, BROKER_SETTINGS),
        ):
            broker.handlers = {**broker.handlers, **family.handlers()}
        return broker

    @property
    def directory(self) -> LogDirectory:
        return self.storage.directory

    @property
    def topics(self) -> dict[str, int]:
        """How many partitions each topic has."""
        found = self.directory.topics
        return {name: found.get(name).partitions for name in found.names()}

    async def ask(self, api_key: ApiKey, version: int, /, **values: Any) -> Any:
        """See `asking.ask`."""
        return await ask(self.handlers, api_key, version, **values)

    async def _note_deleted(self, names: Sequence[str]) -> None:
        self.deleted += names
        if self.failure is not None:
            raise self.failure
