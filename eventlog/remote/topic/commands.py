"""`gputail topic`: the topics of a running broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from eventlog.remote.commands import (
    DEFAULT_SERVERS,
    TIMEOUT_S,
    Servers,
    Timeout,
    TopicName,
    connect,
    show,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.client.description import TopicDescription
    from eventlog.client.survey import KafkaSurvey, PartitionEnds
    from eventlog.remote.topic.report import TopicReport

topic_app = App(name="topic", help="List, create, describe and delete the topics of a running broker.")


def _check_partitions(_: object, number: int) -> None:
    from eventlog.errors import InvalidTopicError
    from eventlog.storage.topic import check_partitions

    try:
        check_partitions(number)
    except InvalidTopicError as error:
        raise ValueError(str(error)) from None


def _check_settings(_: object, settings: list[str] | None) -> None:
    settings = settings or []
    names = [text.partition("=")[0] for text in settings]
    for name, text in zip(names, settings, strict=True):
        if not name or "=" not in text:
            raise ValueError(f"{text!r}: key=value is wanted, as in retention.ms=86400000")
        if names.count(name) > 1:
            raise ValueError(f"{name} is given more than once")


_Partitions = Annotated[int, Parameter(validator=_check_partitions)]
_Settings = Annotated[list[str] | None, Parameter(name="--setting", validator=_check_settings)]


@topic_app.command(name="list")
def list_topics(
    *, bootstrap_servers: Servers = DEFAULT_SERVERS, timeout: Timeout = TIMEOUT_S, json: bool = False
) -> None:
    """List the topics: partitions, records, and whether they are internal.

    Args:
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object for each topic.
    """
    from eventlog.remote.topic import report

    with connect(bootstrap_servers, timeout) as cluster:
        reports = _reports(cluster, cluster.list_topics())
    if json:
        show_json(map(report.topic_object, reports))
    else:
        show(report.topics(reports))


@topic_app.command
def create(
    name: TopicName,
    /,
    *,
    partitions: _Partitions = 1,
    setting: _Settings = None,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Create a topic.

    Args:
        name: Letters, digits, `.`, `_` and `-`.
        partitions: How many partitions it has; more can be added later, which moves keys, none taken away.
        setting: A setting, KEY=VALUE; may be given several times.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object, as `describe` has it.
    """
    from eventlog.remote.topic import report

    settings = dict(text.split("=", 1) for text in setting or ())
    with connect(bootstrap_servers, timeout) as cluster:
        cluster.create_topic(name, partitions, settings)
        created = _reports(cluster, [cluster.describe_topic(name)])[0]
        all_settings = cluster.settings_of(name)
    if json:
        show_json([report.described_object(created, all_settings)])
    else:
        show([f"created {report.what_there_is(created)}"])


@topic_app.command
def describe(
    name: TopicName,
    /,
    *,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Show a topic: its id, its settings and where they come from, and both ends of its partitions.

    Args:
        name: The topic.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object.
    """
    from eventlog.remote.topic import report

    with connect(bootstrap_servers, timeout) as cluster:
        found = _reports(cluster, [cluster.describe_topic(name)])[0]
        settings = cluster.settings_of(name)
    if json:
        show_json([report.described_object(found, settings)])
    else:
        show(report.topic(found, settings))


@topic_app.command
def delete(
    name: TopicName,
    /,
    *,
    yes: bool = False,
    bootstrap_servers: Servers = DEFAULT_SERVERS,
    timeout: Timeout = TIMEOUT_S,
    json: bool = False,
) -> None:
    """Delete a topic with all its records. Without --yes, say what would go, and do nothing.

    Args:
        name: The topic.
        yes: Delete it; there is no way back.
        bootstrap_servers: The broker's address, HOST:PORT; several are separated by commas.
        timeout: How many seconds the broker has for each answer.
        json: One JSON object: the topic, and whether it was deleted.
    """
    from eventlog.remote.topic import report

    with connect(bootstrap_servers, timeout) as cluster:
        found = _reports(cluster, [cluster.describe_topic(name)])[0]
        if yes:
            cluster.delete_topic(name)
    if json:
        show_json([{**report.topic_object(found), "is_deleted": yes}])
    elif yes:
        show([f"deleted {report.what_there_is(found)}"])
    else:
        show(
            [f"would delete {report.what_there_is(found)}", "dry run: nothing was deleted; --yes deletes it"]
        )


def _reports(cluster: KafkaSurvey, topics: Sequence[TopicDescription]) -> list[TopicReport]:
    from eventlog.client.description import TopicPartition
    from eventlog.remote.topic.report import TopicReport

    ends = cluster.ends(
        TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)
    )
    ends_of: dict[str, dict[int, PartitionEnds]] = {topic.name: {} for topic in topics}
    for at, found in ends.items():
        ends_of[at.topic][at.partition] = found
    return [TopicReport(topic, ends_of[topic.name]) for topic in topics]
