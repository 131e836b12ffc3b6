"""`gputail group reset` over a running broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlog.client.view_commit import view_commit_metadata
from tests.eventlog.remote.verbs import ANSWER_S_MAX, Cluster, run

START = "2026-01-01T00:00:0"


def test_a_dry_run_changes_nothing(cluster: Cluster, topic: str) -> None:
    """It shows old and new offsets, what is skipped or read again, and how to do it."""
    cluster.commit(topic, topic, 0, 4)

    said = cluster.fine("group", "reset", topic, "--to-earliest")

    rows = [line.split() for line in said.out.splitlines()]
    assert [topic, "0", "4", "0", "0", "4"] == rows[1]
    assert ["1", "partition", "0", "4"] == rows[2]
    assert "dry run: nothing was changed; --execute changes it" == said.out.splitlines()[-1]
    assert {(topic, 0): 4} == cluster.committed(topic)


@pytest.mark.parametrize(
    ("goal", "new"),
    [
        (("--to-earliest",), 0),
        (("--to-latest",), 10),
        (("--to-offset", "7"), 7),
        (("--to-offset", "70"), 10),
        (("--shift", "3"), 7),
        (("--shift", "+3"), 7),
        (("--shift", "-3"), 1),
        (("--shift=-30",), 0),
        (("--to-datetime", f"{START}5Z"), 5),
        (("--to-datetime", f"{START}5.001Z"), 6),
        (("--to-datetime", "2026-01-01T01:00:05+01:00"), 5),
        (("--to-datetime", "2036-01-01T00:00:00Z"), 10),
        (("--by-duration", "999999h"), 0),
        (("--by-duration", "PT1S"), 10),
    ],
)
def test_each_goal_is_where_the_group_then_stands(
    cluster: Cluster, topic: str, goal: tuple[str, ...], new: int
) -> None:
    """To the very record; the partition that was not chosen stays."""
    cluster.commit(topic, topic, 0, 4)
    cluster.commit(topic, topic, 1, 0)

    said = cluster.fine("group", "reset", topic, "--topic", f"{topic}:0", *goal, "--execute", "--json")

    assert [(0, 4, new, True)] == [
        (row["partition"], row["old_offset"], row["new_offset"], row["is_executed"]) for row in said.objects
    ]
    assert {(topic, 0): new, (topic, 1): 0} == cluster.committed(topic)


def test_a_consumer_goes_on_where_the_group_was_put(cluster: Cluster, topic: str) -> None:
    """The reset is what a member then reads from."""
    said = cluster.run("group", "reset", topic, "--topic", topic, "--to-offset", "8", "--execute")
    assert (0, f"gputail: the group '{topic}' is new: it was made\n") == (said.code, said.err)

    with cluster.consumer(topic) as consumer:
        consumer.subscribe([topic])
        first = consumer.poll(ANSWER_S_MAX)

    assert first is not None
    assert (0, 8) == (first.partition(), first.offset())


def test_a_group_with_a_member_is_refused(cluster: Cluster, topic: str) -> None:
    """Whether it is a dry run or not; what it has committed may be exported."""
    cluster.commit(topic, topic, 0, 4)
    with cluster.member(topic, topic, client_id="reader"):
        for execute in ([], ["--execute"]):
            said = cluster.run("group", "reset", topic, "--to-earliest", *execute)
            assert (1, "") == (said.code, said.out)
            assert f"the group '{topic}' has 1 member (reader): stop them first" in said.err
        exported = cluster.fine("group", "reset", topic, "--export", "-")

    assert f"topic,partition,offset\n{topic},0,4\n" == exported.out
    assert {(topic, 0): 4} == cluster.committed(topic)


def test_a_group_that_follows_a_view_is_refused(cluster: Cluster, topic: str) -> None:
    """Its place is in the view, and the line says what moves that."""
    cluster.commit(topic, topic, 0, 4, view_commit_metadata("main"))

    said = cluster.run("group", "reset", topic, "--to-earliest", "--execute")

    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert "follow the view main" in said.err
    assert "use `gputail replay`" in said.err
    assert {(topic, 0): 4} == cluster.committed(topic)


def test_an_export_leads_back(cluster: Cluster, topic: str, tmp_path: Path) -> None:
    """The file that was written before a reset undoes it."""
    file = tmp_path / "offsets.csv"
    cluster.commit(topic, topic, 0, 4)
    cluster.commit(topic, topic, 1, 0)

    cluster.fine("group", "reset", topic, "--to-latest", "--execute", "--export", file)
    assert f"topic,partition,offset\n{topic},0,4\n{topic},1,0\n" == file.read_text()
    assert {(topic, 0): 10, (topic, 1): 0} == cluster.committed(topic)
    cluster.fine("group", "reset", topic, "--from-file", file, "--execute")

    assert {(topic, 0): 4, (topic, 1): 0} == cluster.committed(topic)
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("{topic},0,1\n{topic},7,1", "line 3: the topic '{topic}' has no partition 7; its last one is 1"),
        ("absent,0,1", "line 2: there is no topic 'absent'"),
        ("{topic},0,many", "line 2: offset 'many' is not a whole number from 0 on"),
    ],
)
def test_a_wrong_file_changes_nothing(
    cluster: Cluster, topic: str, tmp_path: Path, rows: str, complaint: str
) -> None:
    """Not even the partitions that are right."""
    file = tmp_path / "offsets.csv"
    file.write_text("topic,partition,offset\n" + rows.format(topic=topic))
    cluster.commit(topic, topic, 0, 4)

    said = cluster.run("group", "reset", topic, "--from-file", file, "--execute")

    assert (1, "") == (said.code, said.out)
    assert f"gputail: {file}, {complaint.format(topic=topic)}\n" == said.err
    assert {(topic, 0): 4} == cluster.committed(topic)


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("absent", "--to-earliest"), "there is no group 'absent'; to make one, choose with --topic"),
        (("absent", "--to-earliest", "--topic", "gone"), "there is no topic 'gone'"),
        (("absent", "--from-file", "/nowhere/f.csv"), "/nowhere/f.csv: No such file"),
        (("absent", "--export", "-"), "there is no group 'absent'"),
    ],
)
def test_what_is_not_there(cluster: Cluster, argv: tuple[str, ...], complaint: str) -> None:
    """One line, and 1."""
    said = cluster.run("group", "reset", *argv)

    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err


def test_nothing_to_shift(cluster: Cluster, topic: str) -> None:
    """A partition without a committed offset has no place to count from."""
    said = cluster.run("group", "reset", topic, "--topic", topic, "--shift", "1")

    assert (1, "") == (said.code, said.out)
    assert f"the group has no committed offset in {topic}/0 to shift" in said.err


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ((), "exactly one of --to-earliest, --to-latest, "),
        (("--to-earliest", "--to-latest"), "exactly one of"),
        (("--execute",), "exactly one of"),
        (("--export", "f", "--execute"), "exactly one of"),
        (("--to-offset", "-1"), "a whole number from 0 on"),
        (("--shift", "a"), "a"),
        (("--to-datetime", "2026-01-01T00:00:00"), "write 2026-01-01T00:00:00Z for UTC"),
        (("--by-duration", "1y"), "as in 2h30m"),
        (("--topic", "t:x", "--to-latest"), "TOPIC:PARTITION"),
        (("--from-file", "f", "--topic", "t"), "leave --topic out"),
        (("--to-latest", "--export", "-"), "name a file"),
    ],
)
def test_bad_usage(argv: tuple[str, ...], complaint: str) -> None:
    """It is seen before anybody is asked, and the exit code is 2."""
    said = run("group", "reset", "g", *argv)

    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err
