"""DescribeConfigs and IncrementalAlterConfigs."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from eventlog.broker.handlers.config_entries import CONSTANTS
from eventlog.broker.handlers.configs import Operation, Resource
from eventlog.broker.topic_rules import TopicRules
from eventlog.protocol import ApiKey, ErrorCode
from eventlog.storage.settings import TopicSettings
from tests.documents import ROOT, rows
from tests.eventlog.broker.asking import versions
from tests.eventlog.broker.topic_broker import BROKER_SETTINGS, TopicBroker
from tests.reliability.disks.faulty import Fault, Kind

DESCRIBE, ALTER = ApiKey.DESCRIBE_CONFIGS, ApiKey.INCREMENTAL_ALTER_CONFIGS
FROM_TOPIC, FROM_BROKER, FROM_DEFAULT = 1, 4, 5
BROKER_LOGGER = 8


def resource(name: str, kind: int = Resource.TOPIC, keys: list[str] | None = None) -> dict[str, Any]:
    return {"resource_type": kind, "resource_name": name, "configuration_keys": keys}


async def begin(**settings: Any) -> TopicBroker:
    """A broker with a topic t of those settings."""
    broker = await TopicBroker.begin()
    await broker.directory.create_topic("t", 1, TopicSettings(**settings))
    return broker


async def described(
    broker: TopicBroker, name: str, kind: int = Resource.TOPIC
) -> tuple[ErrorCode, str | None]:
    """The error of describing one resource, which then has no settings."""
    answer = await broker.ask(DESCRIBE, 4, resources=[resource(name, kind)])
    (result,) = answer.results
    assert (kind, name, ()) == (result.resource_type, result.resource_name, result.configs)
    return ErrorCode(result.error_code), result.error_message


def test_the_document_tells_what_is_constant() -> None:
    """The table in the document is the one that is answered."""
    table = rows((ROOT / "docs" / "protocol.md").read_text(encoding="utf-8"), "| setting | always |")
    assert dict(CONSTANTS) == {name.strip("`"): value.strip("`") for name, value in table}


# --- DescribeConfigs ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions(DESCRIBE))
async def test_describe_a_topic(version: int) -> None:
    """All that can be set, and what of Kafka's settings is constant here; where each value comes from."""
    broker = await begin(retention_ms=60_000)
    answer = await broker.ask(DESCRIBE, version, resources=[resource("t")], include_synonyms=True)
    (result,) = answer.results
    assert (ErrorCode.NONE, None) == (result.error_code, result.error_message)
    assert {
        "retention.ms": ("60000", FROM_TOPIC, False),
        "retention.bytes": ("-2", FROM_DEFAULT, False),
        "segment.bytes": ("268435456", FROM_DEFAULT, False),
        "segment.ms": ("86400000", FROM_DEFAULT, False),
        "index.interval.bytes": ("4096", FROM_DEFAULT, False),
        "max.message.bytes": ("1048576", FROM_DEFAULT, False),
        "gputail.damaged": ("refuse", FROM_DEFAULT, False),
        "cleanup.policy": ("delete", FROM_DEFAULT, True),
        "compression.type": ("producer", FROM_DEFAULT, True),
        "message.timestamp.type": ("CreateTime", FROM_DEFAULT, True),
        "min.insync.replicas": ("1", FROM_DEFAULT, True),
    } == {each.name: (each.value, each.config_source, each.read_only) for each in result.configs}
    assert not any(each.is_sensitive for each in result.configs)
    synonyms = {
        each.name: [(same.name, same.value, same.source) for same in each.synonyms] for each in result.configs
    }
    assert [
        ("retention.ms", "60000", FROM_TOPIC),
        ("retention.ms", "604800000", FROM_DEFAULT),
    ] == synonyms["retention.ms"]
    assert [("cleanup.policy", "delete", FROM_DEFAULT)] == synonyms["cleanup.policy"]


@pytest.mark.parametrize("version", versions(DESCRIBE))
async def test_what_is_not_asked_is_not_told(version: int) -> None:
    """Synonyms and documentation come on demand only."""
    broker = await begin()
    answer = await broker.ask(DESCRIBE, version, resources=[resource("t")])
    configs = answer.results[0].configs
    assert {()} == {each.synonyms for each in configs}
    assert {None} == {getattr(each, "documentation", None) for each in configs}


@pytest.mark.parametrize("version", [3, 4])
async def test_types_and_documentation(version: int) -> None:
    """From version 3 on each value has a type, and a line that explains it."""
    broker = await begin()
    answer = await broker.ask(DESCRIBE, version, resources=[resource("t")], include_documentation=True)
    configs = {each.name: each for each in answer.results[0].configs}
    string, int32, int64, of_list = 2, 3, 5, 7
    assert {
        "retention.ms": int64,
        "segment.bytes": int32,
        "gputail.damaged": string,
        "cleanup.policy": of_list,
    } == {
        name: configs[name].config_type
        for name in ("retention.ms", "segment.bytes", "gputail.damaged", "cleanup.policy")
    }
    assert all(each.documentation.endswith(".") for each in configs.values())


@pytest.mark.parametrize("version", versions(DESCRIBE))
async def test_describe_some_keys(version: int) -> None:
    """Those that there are of those that are asked for; an empty list asks for none."""
    broker = await begin()
    keys = ["segment.ms", "no.such.key", "retention.ms"]
    resources = [resource("t", keys=keys), resource("0", Resource.BROKER, ["num.partitions"])]
    answer = await broker.ask(DESCRIBE, version, resources=resources)
    assert [["retention.ms", "segment.ms"], ["num.partitions"]] == [
        [each.name for each in result.configs] for result in answer.results
    ]
    answer = await broker.ask(DESCRIBE, version, resources=[resource("t", keys=[])])
    assert () == answer.results[0].configs


@pytest.mark.parametrize("version", versions(DESCRIBE))
async def test_describe_the_broker(version: int) -> None:
    """Its settings are shown, and are set at its start only; none are set through the network."""
    broker = await begin()
    resources = [resource("0", Resource.BROKER), resource("", Resource.BROKER)]
    answer = await broker.ask(DESCRIBE, version, resources=resources, include_synonyms=True)
    own, dynamic = answer.results
    assert {name: (value, FROM_BROKER, True) for name, value in BROKER_SETTINGS.items()} == {
        each.name: (each.value, each.config_source, each.read_only) for each in own.configs
    }
    assert [("num.partitions", "3", FROM_BROKER)] == [
        (same.name, same.value, same.source) for same in own.configs[0].synonyms
    ]
    assert (ErrorCode.NONE, ()) == (dynamic.error_code, dynamic.configs)


async def test_describe_what_there_is_not() -> None:
    """A missing topic, a name that cannot be, another broker, and kinds of resources without settings."""
    broker = await begin()
    unknown = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no topic 'gone'")
    assert unknown == await described(broker, "gone")
    code, _ = await described(broker, "a b")
    assert ErrorCode.INVALID_TOPIC_EXCEPTION is code
    no_such_broker = (ErrorCode.INVALID_REQUEST, "there is no broker '1', just 0")
    assert no_such_broker == await described(broker, "1", Resource.BROKER)
    no_settings = (ErrorCode.INVALID_REQUEST, "resources of type 8 have no settings here")
    assert no_settings == await described(broker, "0", BROKER_LOGGER)


async def test_a_resource_that_is_named_again_and_again() -> None:
    """It is described once: a small request cannot ask for a large answer."""
    broker = await begin()
    answer = await broker.ask(DESCRIBE, 4, resources=[resource("t")] * 50)
    assert 1 == len(answer.results)


# --- IncrementalAlterConfigs -------------------------------------------------------------------


def change(name: str, value: str | None, operation: int = Operation.SET) -> dict[str, Any]:
    return {"name": name, "config_operation": operation, "value": value}


async def alter(
    broker: TopicBroker, *changes: dict[str, Any], version: int = 1, validate_only: bool = False
) -> tuple[ErrorCode, str | None]:
    """Change settings of t."""
    resources = [{**resource("t"), "configs": changes}]
    answer = await broker.ask(ALTER, version, resources=resources, validate_only=validate_only)
    (response,) = answer.responses
    assert (Resource.TOPIC, "t") == (response.resource_type, response.resource_name)
    return ErrorCode(response.error_code), response.error_message


@pytest.mark.parametrize("version", versions(ALTER))
async def test_alter(version: int) -> None:
    """What is set is set, what is deleted is at its default again, all else stays."""
    broker = await begin(retention_ms=1, segment_ms=2, max_message_bytes=4096)
    changes = (
        change("retention.ms", "-1"),
        change("gputail.damaged", "skip"),
        change("segment.ms", None, Operation.DELETE),
        change("cleanup.policy", "delete"),
        change("compression.type", None, Operation.DELETE),
    )
    expected = attrs.evolve(
        TopicSettings.from_mapping({"gputail.damaged": "skip"}), retention_ms=-1, max_message_bytes=4096
    )
    before = broker.directory.topics.get("t").settings
    assert (ErrorCode.NONE, None) == await alter(broker, *changes, version=version, validate_only=True)
    assert before == broker.directory.topics.get("t").settings
    assert (ErrorCode.NONE, None) == await alter(broker, *changes, version=version)
    assert expected == broker.directory.topics.get("t").settings
    assert expected == broker.directory.partition("t", 0).settings


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ([change("retention.ms", "soon")], ErrorCode.INVALID_CONFIG, "retention.ms = 'soon': a whole number"),
        ([change("retention.ms", None)], ErrorCode.INVALID_CONFIG, "retention.ms comes without a value"),
        ([change("zzz", "1")], ErrorCode.INVALID_CONFIG, "unknown topic setting 'zzz'; known are"),
        (
            [change("zzz", None, Operation.DELETE)],
            ErrorCode.INVALID_CONFIG,
            "unknown topic setting 'zzz'; known are",
        ),
        ([change("cleanup.policy", "compact")], ErrorCode.INVALID_CONFIG, "cleanup.policy = 'compact'"),
        (
            [change("cleanup.policy", "compact", 2)],
            ErrorCode.INVALID_CONFIG,
            "cleanup.policy: operation 2 is for lists of values, and there is no such setting; use SET or",
        ),
        ([change("cleanup.policy", "delete", 3)], ErrorCode.INVALID_CONFIG, "cleanup.policy: operation 3 is"),
        (
            [change("segment.ms", "1"), change("segment.ms", None, Operation.DELETE)],
            ErrorCode.INVALID_REQUEST,
            "segment.ms is changed more than once; once is enough",
        ),
    ],
)
async def test_alter_to_what_cannot_be(changes: list[dict[str, Any]], code: ErrorCode, message: str) -> None:
    """One bad change keeps back the others of the same topic, also where it is only validated."""
    broker = await begin()
    for validate_only in (False, True):
        found, said = await alter(
            broker, change("index.interval.bytes", "61"), *changes, validate_only=validate_only
        )
        assert code is found
        assert said is not None
        assert said.startswith(message)
    assert TopicSettings() == broker.directory.topics.get("t").settings


async def test_alter_each_resource_for_itself() -> None:
    """One is altered, the others are refused: unknown, impossible, named twice, and a broker."""
    broker = await begin()
    await broker.directory.create_topic("twice", 1)
    configs = [change("segment.ms", "5")]
    asked = [
        (Resource.TOPIC, "t"),
        (Resource.TOPIC, "gone"),
        (Resource.TOPIC, "a b"),
        (Resource.TOPIC, "twice"),
        (Resource.TOPIC, "twice"),
        (Resource.BROKER, "0"),
        (BROKER_LOGGER, "0"),
    ]
    resources = [{**resource(name, kind), "configs": configs} for kind, name in asked]
    answer = await broker.ask(ALTER, 1, resources=resources)
    assert {
        (Resource.TOPIC, "t"): ErrorCode.NONE,
        (Resource.TOPIC, "gone"): ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        (Resource.TOPIC, "a b"): ErrorCode.INVALID_TOPIC_EXCEPTION,
        (Resource.TOPIC, "twice"): ErrorCode.INVALID_REQUEST,
        (Resource.BROKER, "0"): ErrorCode.INVALID_REQUEST,
        (BROKER_LOGGER, "0"): ErrorCode.INVALID_REQUEST,
    } == {(each.resource_type, each.resource_name): each.error_code for each in answer.responses}
    assert "only topics can be altered; a broker is set by its options, at its start" == (
        answer.responses[-1].error_message
    )
    assert [5, 86_400_000] == [
        broker.directory.topics.get(name).settings.segment_ms for name in ("t", "twice")
    ]


async def test_alter_on_a_volume_that_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """The settings stay as they were."""
    broker = await begin()
    broker.storage.faults.reset(Fault(Kind.WRITE, 1))
    code, _ = await alter(broker, change("segment.ms", "5"))
    assert ErrorCode.KAFKA_STORAGE_ERROR is code
    assert TopicSettings() == broker.directory.topics.get("t").settings
    assert ["the volume refused a request"] == caplog.messages


async def test_no_admin() -> None:
    """Settings can be looked at, not altered."""
    broker = TopicBroker.over((await begin()).storage, TopicRules(is_admin_allowed=False))
    code, message = await alter(broker, change("segment.ms", "5"))
    assert ErrorCode.TOPIC_AUTHORIZATION_FAILED is code
    assert "this broker takes no changes of topics (--no-admin): ask its operator" == message
    answer = await broker.ask(DESCRIBE, 4, resources=[resource("t")])
    assert 11 == len(answer.results[0].configs)
