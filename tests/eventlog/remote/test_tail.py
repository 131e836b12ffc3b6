"""`gputail tail` over a running broker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

import pytest

from eventlog.client.address import KafkaAddress
from eventlog.client.admin import KafkaAdmin
from tests.eventlog.broker.running import running_broker
from tests.eventlog.inspect.written import TOPIC, flip, log, segments, write_log
from tests.eventlog.remote.verbs import Cluster, run
from tests.lasting_port import lasting_port

ROOT = Path(__file__).parents[3]
START = "2026-01-01T00:00:0"
DAMAGED = (3, 8)
"""The first and last offset of the damage: two batches of three records, one after the other."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of twenty batches in all codecs."""
    path = tmp_path_factory.mktemp("tail") / "fine"
    write_log(path)
    return path


@pytest.fixture(scope="module")
def fine(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker on a copy of it."""
    copy = tmp_path_factory.mktemp("tail") / "copy"
    shutil.copytree(path, copy)
    with running_broker(copy) as broker:
        yield Cluster(broker.bootstrap)


def damage(path: Path) -> None:
    """A log with two damaged batches in its middle."""
    folder = write_log(path)
    data = segments(folder)[0].read_bytes()
    second = int.from_bytes(data[8:12], "big") + 12
    third = second + int.from_bytes(data[second + 8 : second + 12], "big") + 12
    for position in (second, third):
        flip(segments(folder)[0], position + 70)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker on a log with two damaged batches."""
    path = tmp_path_factory.mktemp("damaged")
    damage(path)
    with running_broker(path) as broker:
        yield Cluster(broker.bootstrap)


class Tail:
    """`gputail tail` as a process, read line by line."""

    def __init__(self, cluster: Cluster, *argv: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gputail", "tail", *argv, *cluster.options],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=20)

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def end(self) -> tuple[int, str]:
        """Wait for its end; exit code and stderr."""
        assert self.process.stderr is not None
        return self.process.wait(60), self.process.stderr.read()


# --- what is shown -----------------------------------------------------------------------------


def test_a_record_is_what_the_dump_of_the_files_says(fine: Cluster, path: Path) -> None:
    """The same objects, from the broker and from the files."""
    dumped = log("dump", "--data-dir", path, "--json").of_type("record")

    assert dumped == fine.fine("tail", TOPIC, "--no-follow", "--json").objects
    assert 60 == len(dumped)


@pytest.mark.parametrize(
    ("argv", "offsets"),
    [
        (("--from", "earliest", "--limit", "2"), [0, 1]),
        (("--from", "57"), [57, 58, 59]),
        (("--from", "60"), []),
        (("--from", "latest"), []),
        (("--from", f"{START}7Z", "--limit", "1"), [7]),
        (("--from", f"{START}7.001Z", "--limit", "1"), [8]),
        (("--from", "2036-01-01T00:00:00Z"), []),
        (("--limit", "0"), []),
        (("--partition", "0", "--limit", "1"), [0]),
    ],
)
def test_where_it_begins_and_ends(fine: Cluster, argv: tuple[str, ...], offsets: list[int]) -> None:
    """At the very record."""
    assert offsets == fine.fine("tail", TOPIC, "--no-follow", "--json", *argv).offsets()


def test_lines_for_people(fine: Cluster) -> None:
    """One for each record; coloured if that is wanted."""
    argv = ("tail", TOPIC, "--no-follow", "--limit", "1")

    expected = "2026-01-01T00:00:00.000Z    0           0  k0  value of 0\n"
    assert expected == fine.fine(*argv).out
    assert expected == re.sub(r"\x1b\[\d*m", "", coloured := fine.fine(*argv, "--color", "always").out)
    assert coloured.count("\x1b") == 4


def test_it_leaves_no_trace(fine: Cluster) -> None:
    """No group is joined, and nothing is committed."""
    fine.fine("tail", TOPIC, "--no-follow")

    assert [] == fine.fine("group", "list", "--json").objects


# --- live --------------------------------------------------------------------------------------


def test_records_are_shown_as_they_come(cluster: Cluster, topic: str) -> None:
    """Through a pipe too; an interrupt ends it in silence."""
    with Tail(cluster, topic, "--json", "--from", "earliest", "--partition", "0") as tail:
        for _ in range(10):
            assert '"type": "record"' in tail.stdout.readline()
        cluster.produce(topic, 0, 77)
        assert '"timestamp_ms": 77' in tail.stdout.readline()
        tail.process.send_signal(signal.SIGINT)

        assert (130, "") == tail.end()


def test_a_broker_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    """Killed and started again, it is read on, every record once."""
    cluster = Cluster(f"127.0.0.1:{lasting_port()}")
    with running_broker(tmp_path, "--listen", cluster.bootstrap) as broker:
        cluster.fine("topic", "create", "t")
        cluster.produce("t", 0, 1)
        with Tail(cluster, "t", "--json", "--from", "earliest") as tail:
            assert '"offset": 0' in tail.stdout.readline()
            broker.kill()
            with running_broker(tmp_path, "--listen", cluster.bootstrap):
                cluster.produce("t", 0, 2)
                assert '"offset": 1' in tail.stdout.readline()
            tail.process.send_signal(signal.SIGINT)
            assert (130, "") == tail.end()


def test_a_reader_that_leaves_is_no_failure(cluster: Cluster, topic: str) -> None:
    """It has what it wanted; the next record finds nobody, and that is the end."""
    with Tail(cluster, topic, "--from", "earliest") as tail:
        assert tail.stdout.readline()
        tail.stdout.close()
        cluster.produce(topic, 1, 78)

        assert (0, "") == tail.end()
        tail.process.stdout = None


# --- damage ------------------------------------------------------------------------------------


def test_damage_ends_it(damaged: Cluster) -> None:
    """What lies before is shown, and the line says how to go on."""
    said = damaged.run("tail", TOPIC, "--no-follow", "--json")

    complaint = f"gputail: {TOPIC}/0: offset 3 is damaged; --skip-damaged goes on after the damage\n"
    assert (1, [0, 1, 2], complaint) == (said.code, said.offsets(), said.err)


@pytest.mark.parametrize("start", [0, 3, 4, 8])
def test_damage_is_skipped_where_that_is_wanted(damaged: Cluster, start: int) -> None:
    """Exactly the damaged records are missing, and a line says which."""
    said = damaged.run("tail", TOPIC, "--no-follow", "--json", "--skip-damaged", "--from", start)

    first, last = DAMAGED
    assert (0, [*range(start, first), *range(last + 1, 60)]) == (said.code, said.offsets())
    seen = max(start, first)
    shown = f"offsets {seen} to {last} are" if seen < last else f"offset {last} is"
    assert f"gputail: {TOPIC}/0: {shown} damaged\n" == said.err


def test_a_topic_that_skips_damage_by_itself(damaged: Cluster) -> None:
    """The jump is told, and is no failure."""
    with KafkaAdmin(KafkaAddress(damaged.bootstrap)) as admin:
        admin.alter_topic(TOPIC, {"gputail.damaged": "skip"})
        try:
            said = damaged.run("tail", TOPIC, "--no-follow", "--json")
        finally:
            admin.alter_topic(TOPIC, {"gputail.damaged": "refuse"})

    assert (0, [0, 1, 2, *range(9, 60)]) == (said.code, said.offsets())
    assert f"gputail: {TOPIC}/0: offsets 3 to 8 are not in the log\n" == said.err


# --- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (("absent",), "'absent'"),
        ((TOPIC, "--partition", "1"), "the topic 't' has no partition 1; its last one is 0"),
        ((TOPIC, "--from", "61"), "t/0 has offsets from 0 to 60, and no 61"),
    ],
)
def test_what_is_not_there(fine: Cluster, argv: tuple[str, ...], complaint: str) -> None:
    """One line, and 1."""
    said = fine.run("tail", *argv)

    assert (1, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err


def test_an_offset_wants_one_partition(cluster: Cluster, topic: str) -> None:
    """In several it would mean another record in each."""
    said = cluster.run("tail", topic, "--from", "3")

    assert (1, "") == (said.code, said.out)
    assert "choose one with --partition" in said.err


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ((), "TOPIC"),
        (("a b",), "a b"),
        (("t", "--from", "yesterday"), "'yesterday': earliest, latest"),
        (("t", "--from", "2026-01-01T00:00:00"), "with its zone"),
        (("t", "--limit", "-1"), "a whole number from 0 on"),
        (("t", "--partition", "-1"), "a whole number from 0 on"),
        (("t", "--color", "blue"), "blue"),
    ],
)
def test_bad_usage(argv: tuple[str, ...], complaint: str) -> None:
    """It is seen before anybody is asked, and the exit code is 2."""
    said = run("tail", *argv)

    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
    assert complaint in said.err
