"""One group under load: records come all the time, members come and go, and everything is accounted for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from confluent_kafka import Producer

from tests.clients.client import WAIT_S, Client
from tests.clients.confluent_client import PROMPT
from tests.clients.group_members import Ledger, Member
from tests.clients.living_broker import LivingBroker

PARTITIONS = 12
PAUSE_S = 0.01
"""Between two rounds of records, one for each partition."""


class Feeding:
    """Records for all partitions in turn, in a thread, until told to stop."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        settings = {**PROMPT, "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5}
        self._producer = Producer(settings)
        self._topic = topic
        self._is_over = threading.Event()
        self.rounds = 0
        self._thread = threading.Thread(target=self._run, name="feeding", daemon=True)
        self._thread.start()

    def stop(self) -> set[tuple[int, int]]:
        """Every record that there is now."""
        self._is_over.set()
        self._thread.join(WAIT_S)
        assert self._producer.flush(WAIT_S) == 0
        return {(partition, offset) for partition in range(PARTITIONS) for offset in range(self.rounds)}

    def _run(self) -> None:
        while not self._is_over.wait(PAUSE_S):
            for partition in range(PARTITIONS):
                self._producer.produce(self._topic, b"record", partition=partition)
            self._producer.poll(0)
            self.rounds += 1


class Group:
    """The members of one group, and what becomes of them."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.name = f"of-{topic}"
        self.ledger = Ledger()
        self.members: list[Member] = []

    def join(self, client: Client, assignor: str = "range", instance_id: str | None = None) -> Member:
        """One member more."""
        membership = client.membership(self.topic, self.name, assignor=assignor, instance_id=instance_id)
        self.members.append(Member(self.ledger, membership))
        return self.members[-1]

    def leave(self, count: int) -> None:
        """The oldest members go, all at once."""
        leaving, self.members = self.members[:count], self.members[count:]
        for member in leaving:
            member.ask_to_stop()
        for member in leaving:
            member.stop()

    def wait_until_shared(self) -> None:
        """Until every partition has one owner and every member a partition."""
        count = len(self.members)
        self.ledger.wait_until(lambda ledger: ledger.is_shared(count, PARTITIONS))

    def wait_until_taken(self) -> None:
        """Until each partition has been read further than now."""
        before = self._read_to()
        self.ledger.wait_until(
            lambda _: all(now > then for now, then in zip(self._read_to(), before, strict=True))
        )

    def _read_to(self) -> list[int]:
        offsets = [-1] * PARTITIONS
        for partition, offset in self.ledger.taken:
            offsets[partition] = max(offsets[partition], offset)
        return offsets


@contextmanager
def fed_group(broker: LivingBroker, topic: str, *, loses_answers: bool = False) -> Iterator[Group]:
    """A group of a topic to which records come all the time; at the end all must have been read, once.

    Where the broker may be gone before it answers (`loses_answers`), a commit that failed may have been
    stored: its records need not come again.
    """
    group = Group(topic)
    with ExitStack() as ending:
        ending.callback(lambda: group.leave(len(group.members)))
        feeding = Feeding(broker.bootstrap, topic)
        ending.callback(feeding.stop)
        yield group
        sent = feeding.stop()
        spared: set[tuple[int, int]] = group.ledger.refused if loses_answers else set()
        group.ledger.wait_until(lambda ledger: ledger.taken.keys() | spared >= sent)
    assert dict.fromkeys(sent - (spared - group.ledger.taken.keys()), 1) == group.ledger.taken
