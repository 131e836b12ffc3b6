"""`gputail topic` over a running broker."""

from __future__ import annotations

import pytest

from tests.eventlog.remote.verbs import Cluster, run


def test_a_topic_from_its_creation_to_its_end(cluster: Cluster, name: str) -> None:
    """Created, listed, described, spared by a dry run, deleted, gone."""
    setting = ("--setting", "retention.ms=60000", "--setting=gputail.damaged=skip")

    assert f"created {name}: 3 partitions, 0 records\n" == (
        cluster.fine("topic", "create", name, "--partitions", 3, *setting).out
    )
    cluster.produce(name, 1, 1, 2, 3)
    described = cluster.fine("topic", "describe", name)
    assert "  retention.ms            60000       topic\n" in described.out
    assert "  gputail.damaged         skip        topic\n" in described.out
    assert "  retention.bytes         -2          default\n" in described.out
    assert "  1                  0               3        3             0\n" in described.out
    (listed,) = [row for row in cluster.fine("topic", "list", "--json").objects if row["topic"] == name]
    assert (3, 3, False) == (listed["partition_count"], listed["records"], listed["is_internal"])
    would = cluster.fine("topic", "delete", name)
    assert f"would delete {name}: 3 partitions, 3 records" == would.out.splitlines()[0]
    assert cluster.fine("topic", "describe", name) == described
    assert f"deleted {name}: 3 partitions, 3 records\n" == cluster.fine("topic", "delete", name, "--yes").out
    assert 1 == cluster.run("topic", "describe", name).code


def test_topics_for_programs(cluster: Cluster, name: str) -> None:
    """`create` and `describe` say the same; `delete` says whether it did."""
    created = cluster.fine("topic", "create", name, "--setting", "segment.bytes=1048576", "--json").objects

    assert created == cluster.fine("topic", "describe", name, "--json").objects
    (said,) = created
    assert ("1048576", "topic") == (
        said["settings"]["segment.bytes"],
        said["setting_sources"]["segment.bytes"],
    )
    ends = {"log_start_offset": 0, "high_watermark": 0, "leader_epoch": 0}
    assert [{"partition": 0, **ends}] == said["partitions"]
    assert [False, True] == [
        cluster.fine("topic", "delete", name, "--json", *yes).objects[0]["is_deleted"]
        for yes in ([], ["--yes"])
    ]


def test_the_list_has_a_total(cluster: Cluster, topic: str) -> None:
    """A row for each topic, and the sum of them."""
    heading, *rows, total = cluster.fine("topic", "list").out.splitlines()

    assert ["topic", "partitions", "records", "internal"] == heading.split()
    assert [topic, "2", "10", "no"] in [row.split() for row in rows]
    assert str(len(rows)) == total.split()[0]
    assert sum(int(row.split()[1]) for row in rows) == int(total.split()[2])


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("describe", "absent"), "'absent'"),
        (("delete", "absent"), "'absent'"),
        (("delete", "absent", "--yes"), "'absent'"),
        (("create", "new", "--setting", "nope=1"), "unknown topic setting 'nope'"),
        (("create", "new", "--setting", "segment.bytes=x"), "segment.bytes"),
    ],
)
def test_what_the_broker_refuses_is_one_line(cluster: Cluster, argv: tuple[str, ...], complaint: str) -> None:
    """And the exit code is 1."""
    said = cluster.run("topic", *argv)

    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err


def test_a_topic_that_exists_is_not_made_again(cluster: Cluster, topic: str) -> None:
    """One line says so."""
    said = cluster.run("topic", "create", topic)

    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert f"there is a topic '{topic}' already" in said.err


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("create",), "NAME"),
        (("create", "a b"), "a b"),
        (("create", "a", "--partitions", "0"), "0"),
        (("create", "a", "--setting", "x"), "key=value is wanted, as in retention.ms=86400000"),
        (("create", "a", "--setting", "x=1", "--setting", "x=2"), "x is given more than once"),
        (("list", "--timeout", "0"), "seconds above 0"),
        (("list", "--bootstrap-servers", "host"), "host:port is wanted"),
        (("list", "--bootstrap-servers", "host:9092?a=b"), "host:port is wanted"),
    ],
)
def test_bad_usage(argv: tuple[str, ...], complaint: str) -> None:
    """It is seen before anybody is asked, and the exit code is 2."""
    said = run("topic", *argv)

    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err
