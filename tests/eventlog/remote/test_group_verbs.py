"""`gputail group list` and `describe` over a running broker."""

from __future__ import annotations

import pytest

from eventlog.client.view_commit import view_commit_metadata
from tests.eventlog.remote.verbs import Cluster, run


def test_a_group_without_members(cluster: Cluster, topic: str) -> None:
    """Its committed offsets, its lag, and what it said with them."""
    cluster.commit(topic, topic, 0, 4, "by hand")

    (listed,) = [row for row in cluster.fine("group", "list", "--json").objects if row["group"] == topic]
    assert ("Empty", 0, None, 1, 6) == (
        listed["state"],
        listed["members"],
        listed["protocol"],
        listed["partitions"],
        listed["lag_records"],
    )
    described = cluster.fine("group", "describe", topic).out.splitlines()
    assert f"  coordinator  {cluster.bootstrap}" in described
    assert [topic, "0", "4", "0", "10", "6", "-", "-", "-", "by", "hand"] in map(str.split, described)
    assert ["total", "6"] == described[-1].split()


def test_a_group_with_a_member(cluster: Cluster, topic: str) -> None:
    """Who holds which partition, from where, under which name."""
    cluster.commit(topic, topic, 0, 10)
    settings = {
        "client_id": "reader",
        "group_instance_id": "rack-7",
        "partition_assignment_strategy": "range",
    }
    with cluster.member(topic, topic, **settings):
        said = cluster.fine("group", "describe", topic, "--json")
        table = cluster.fine("group", "describe", topic).out

    (group,) = said.of_type("group")
    assert ("Stable", "range", 1) == (group["state"], group["protocol"], group["members"])
    (member,) = said.of_type("member")
    assert ("reader", "rack-7", 2) == (member["client_id"], member["instance_id"], member["partitions"])
    assert member["host"].endswith("127.0.0.1")
    assert [(0, 10, 0), (1, None, None)] == [
        (row["partition"], row["committed_offset"], row["lag_records"]) for row in said.of_type("partition")
    ]
    assert {member["member"]} == {row["member"] for row in said.of_type("partition")}
    rows = [line.split() for line in table.splitlines()]
    assert 2 == sum(row[-3:] == [member["host"], "rack-7", "-"] for row in rows)


def test_a_member_without_a_partition_is_shown(cluster: Cluster, name: str) -> None:
    """Two members of a topic with one partition."""
    cluster.fine("topic", "create", name)
    with cluster.member(name, name, heartbeat_interval_ms=100) as first, cluster.consumer(name) as idle:
        idle.subscribe([name])
        while 2 != len((said := cluster.fine("group", "describe", name, "--json")).of_type("member")):
            idle.poll(0.05)
            first.poll(0.05)  # it gives its partition back before it gets it again
        table = cluster.fine("group", "describe", name).out

    assert 2 == said.of_type("group")[0]["members"]
    assert len(said.of_type("partition")) <= 1
    assert ["-"] * 6 in [line.split()[:6] for line in table.splitlines()]


def test_a_group_that_follows_a_view_says_so(cluster: Cluster, topic: str) -> None:
    """The marker is in the metadata of its commits."""
    cluster.commit(topic, topic, 0, 4, view_commit_metadata("builds/3"))

    out = cluster.fine("group", "describe", topic).out

    assert "  follows      view builds/3: " in out
    (listed,) = [row for row in cluster.fine("group", "list", "--json").objects if row["group"] == topic]
    assert "builds/3" == listed["view"]


def test_metadata_cannot_play_with_the_terminal(cluster: Cluster, topic: str) -> None:
    """Control characters are escaped."""
    cluster.commit(topic, topic, 0, 4, "\x1b[31mred\n")

    assert r"\x1b[31mred\n" in cluster.fine("group", "describe", topic).out


def test_the_list_has_a_total(cluster: Cluster, topic: str) -> None:
    """A row for each group, and the sum of their lags."""
    cluster.commit(topic, topic, 0, 3)

    heading, *rows, total = cluster.fine("group", "list").out.splitlines()

    assert ["group", "state", "members", "protocol", "partitions", "lag"] == heading.split()
    assert [topic, "Empty", "0", "-", "1", "7"] in map(str.split, rows)
    assert sum(int(row.split()[-1]) for row in rows) == int(total.split()[-1])


def test_an_unknown_group(cluster: Cluster) -> None:
    """One line, and 1."""
    said = cluster.run("group", "describe", "absent")

    assert (1, f"gputail: there is no group 'absent' at {cluster.bootstrap}\n") == (said.code, said.err)


@pytest.mark.parametrize(
    "argv", [("topic", "list"), ("group", "list"), ("tail", "t"), ("topic", "create", "t")]
)
def test_a_broker_that_does_not_answer_is_one_line(argv: tuple[str, ...]) -> None:
    """In the time given, without a word of librdkafka's."""
    said = run(*argv, "--bootstrap-servers", "127.0.0.1:1", "--timeout", "0.5")

    complaint = "gputail: no broker answered at 127.0.0.1:1 within 0.5 s; is one running there?\n"
    assert (1, "", complaint) == (said.code, said.out, said.err)
