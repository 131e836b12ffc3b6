"""The verbs over a running broker, run in this process against a broker in one of its own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import attrs
from confluent_kafka import Consumer, Producer, TopicPartition

from gputail.cli import main
from tests.eventlog.inspect.written import Said

ANSWER_S_MAX = 60
"""The broker's process may stand still for a while."""


def run(*argv: object) -> Said:
    """Run one command line in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main([*map(str, argv)])
    return Said(code, stdout.getvalue(), stderr.getvalue())


@attrs.frozen
class Cluster:
    """A running broker, as the command line reaches it."""

    bootstrap: str

    @property
    def options(self) -> tuple[str, ...]:
        """What every verb is told of it."""
        return ("--bootstrap-servers", self.bootstrap, "--timeout", str(ANSWER_S_MAX))

    def run(self, *argv: object) -> Said:
        """Run one command line."""
        return run(*argv, *self.options)

    def fine(self, *argv: object) -> Said:
        """Run one that has to work."""
        said = self.run(*argv)
        assert (0, "") == (said.code, said.err)
        return said

    def produce(self, topic: str, partition: int, *timestamps_ms: int) -> None:
        """A record for each timestamp, which is its value too."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
        for timestamp_ms in timestamps_ms:
            value = str(timestamp_ms).encode()
            producer.produce(topic, value, partition=partition, timestamp=timestamp_ms)
        assert 0 == producer.flush(ANSWER_S_MAX)

    def commit(self, group: str, topic: str, partition: int, offset: int, metadata: str = "") -> None:
        """Commit for a group without members."""
        with self.consumer(group) as consumer:
            wanted = TopicPartition(topic, partition, offset, metadata)
            consumer.commit(offsets=[wanted], asynchronous=False)

    @contextlib.contextmanager
    def consumer(self, group: str, **settings: object) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                **{name.replace("_", "."): value for name, value in settings.items()},
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()

    @contextlib.contextmanager
    def member(self, group: str, topic: str, **settings: object) -> Iterator[Consumer]:
        """A member of a group that has been given its partitions."""
        with self.consumer(group, auto_offset_reset="earliest", **settings) as consumer:
            consumer.subscribe([topic])
            while not consumer.assignment():
                consumer.poll(0.1)
            yield consumer

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """What `group describe` says is committed."""
        rows = self.fine("group", "describe", group, "--json").of_type("partition")
        return {
            (row["topic"], row["partition"]): row["committed_offset"]
            for row in rows
            if row["committed_offset"] is not None
        }
