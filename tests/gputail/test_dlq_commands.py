"""`gputail dlq` over a running broker: what it lists, shows and replays."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from ingest.topics import DEAD_LETTERS, TELEMETRY
from tests.eventlog.broker.running import running_broker
from tests.eventlog.remote.verbs import Cluster
from tests.ingest.collecting.events import START_MS, event

GARBAGE = b"\x00no event\xff" + bytes(range(20))


def topic_id_of(cluster: Cluster) -> str:
    (topic,) = cluster.fine("topic", "describe", TELEMETRY, "--json").of_type("topic")
    return str(topic["topic_id"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Five letters: a good one, garbage, the good one again, one of no topic, more garbage."""
    with running_broker(tmp_path_factory.mktemp("dlq"), "--initial-rebalance-delay-ms", "0") as broker:
        cluster = Cluster(broker.bootstrap)
        assert 1 == cluster.run("dlq", "list").code
        for name, partitions in ((TELEMETRY, 2), (DEAD_LETTERS, 1)):
            cluster.fine("topic", "create", name, "--partitions", partitions)
        topic_id = topic_id_of(cluster)
        producer = Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 0})

        def letter(value: bytes, offset: int, reason: str, topic: str = topic_id) -> None:
            headers = {"topic": TELEMETRY, "topic_id": topic, "partition": "1", "offset": str(offset)}
            producer.produce(
                DEAD_LETTERS,
                value,
                b"key",
                partition=0,
                timestamp=START_MS + offset,
                headers=[*{**headers, "reason": reason}.items()],
            )

        letter(event(0), 10, "PoisonRecordError: of a newer version")
        letter(GARBAGE, 11, "PoisonRecordError: no JSON")
        letter(event(0), 10, "PoisonRecordError: of a newer version")
        letter(event(1), 12, "PoisonRecordError: of a newer version", "another")
        letter(b'{"v":1}', 13, "PoisonRecordError: no\x1b[31m GPU")
        assert 0 == producer.flush(10)
        yield cluster


def telemetry(cluster: Cluster) -> list[dict[str, object]]:
    """All that is in the topic now."""
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "test"})
    places = [TopicPartition(TELEMETRY, number, 0) for number in range(2)]
    consumer.assign(places)
    try:
        count = sum(consumer.get_watermark_offsets(place, 60)[1] for place in places)
        found = consumer.consume(count, 60) if count else []
        assert count == len(found)
        return [json.loads(record.value() or b"") for record in found]
    finally:
        consumer.close()


def test_the_list(cluster: Cluster) -> None:
    """A line each: where it stood, how large it is, why it was set aside, and how it stands now."""
    lines = cluster.fine("dlq", "list").out.splitlines()
    assert ["offset", "time", "from", "size", "now", "why"] == lines[0].split()
    assert ["decodes", "poison", "again", "foreign", "poison"] == [line.split()[5] for line in lines[1:]]
    assert "0  2023-11-14T22:13:20.010Z  gpu.telemetry-1-10" in lines[1]
    assert "\x1b" not in lines[5]


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ([], [0, 1, 2, 3, 4]),
        (["--reason", "NEWER version"], [0, 2, 3]),
        (["--from", "3"], [3, 4]),
        (["--from", "2023-11-14T22:13:20.011Z"], [1, 3, 4]),
        (["--limit", "2", "--from", "1"], [1, 2]),
        (["--limit", "0"], []),
    ],
)
def test_what_is_listed(cluster: Cluster, options: list[str], offsets: list[int]) -> None:
    """By reason, from an offset or a time on, so many."""
    letters = cluster.fine("dlq", "list", "--json", *options).of_type("letter")
    assert offsets == [letter["offset"] for letter in letters]


def test_one_letter(cluster: Cluster) -> None:
    """JSON is set out, other bytes are dumped; the present code says whether it can read them."""
    text = cluster.fine("dlq", "show", "0").out
    assert "now      decodes\n" in text
    assert '    "uuid": "GPU-0"' in text
    assert "  offset = 10\n" in text
    dump = cluster.fine("dlq", "show", "1").out
    assert "now      poison: PoisonRecordError: the record is no event" in dump
    assert "  00000000  00 6e 6f 20 65 76 65 6e 74 ff 00 01 02 03 04 05  .no event......." in dump
    (told,) = cluster.fine("dlq", "show", "4", "--json").objects
    assert ("poison", '{"v":1}', 13) == (told["now"], told["record"]["value"], told["from"]["offset"])
    assert "no letter at offset 99" in cluster.run("dlq", "show", "99").err


def test_a_replay_is_a_dry_run_first(cluster: Cluster) -> None:
    """It says what would become of each, and does it when told to: once."""
    plan = cluster.fine("dlq", "replay").out.splitlines()
    assert [
        "can be replayed: 1",
        "still poison: 2",
        "second letters of a record: 1",
        "of another topic: 1",
        "dry run: nothing was published; --execute publishes those that decode",
    ] == plan[-5:]
    (told,) = cluster.fine("dlq", "replay", "--json").of_type("plan")
    assert (1, 2) == (told["decodes"], told["poison"])
    assert [] == telemetry(cluster)

    assert "published 0 letters" in cluster.fine("dlq", "replay", "--execute", "--reason", "json").out
    (done,) = cluster.fine("dlq", "replay", "--execute", "--json").objects
    assert (1, 2, 1, 1) == tuple(done[name] for name in ("published", "poison", "again", "foreign"))
    assert "published 0 letters" in cluster.fine("dlq", "replay", "--execute").out
    (copy,) = telemetry(cluster)
    assert json.loads(event(0)) | {"origin": copy["origin"]} == copy
    assert "replayed" == cluster.fine("dlq", "list", "--json").objects[0]["now"]


@pytest.mark.parametrize(
    "words", [["list", "--from", "now"], ["list", "--limit", "-1"], ["show", "first"], ["show", "-1"]]
)
def test_bad_usage(cluster: Cluster, words: list[str]) -> None:
    """One line, and 2."""
    said = cluster.run("dlq", *words)
    assert (2, "", 1) == (said.code, said.out, said.err.count("\n"))
