"""A broker that stops, or is killed, and comes back: its clients go on by themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.client import WAIT_S, Client, Message
from tests.clients.confluent_client import ConfluentClient
from tests.clients.fed_group import PARTITIONS, fed_group
from tests.clients.living_broker import living_broker
from tests.eventlog.broker.running import RunningBroker, running_broker
from tests.lasting_port import lasting_port

T0_MS = 1_700_000_000_000
A_WRITE = 10
WRITES_MIN = 5
"""As many writes at least are acknowledged before the broker goes, and after it has come back."""


class SteadyWriting:
    """Messages, numbered from 0, written in a thread until told to stop; `written` are acknowledged."""

    def __init__(self, client: Client, topic: str) -> None:
        self.written: list[Message] = []
        self._client = client
        self._topic = topic
        self._moved = threading.Condition()
        self._is_over = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="writing", daemon=True)
        self._thread.start()

    def wait_for_more(self) -> None:
        """Wait until a few writes more are acknowledged than now."""
        with self._moved:
            wanted = len(self.written) + WRITES_MIN * A_WRITE
            self._moved.wait_for(lambda: self._error or len(self.written) >= wanted, WAIT_S)
            assert self._error is None
            assert len(self.written) >= wanted, "nothing is acknowledged any more"

    def stop(self) -> list[Message]:
        """Everything that was written."""
        self._is_over = True
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        return self.written

    def _run(self) -> None:
        try:
            with self._client.writer(self._topic, is_idempotent=True) as writer:
                while not self._is_over:
                    first = len(self.written)
                    messages = [Message(None, b"%d" % (first + number), T0_MS) for number in range(A_WRITE)]
                    writer.write(messages)
                    with self._moved:
                        self.written += messages
                        self._moved.notify_all()
        except BaseException as error:
            with self._moved:
                self._error = error
                self._moved.notify_all()
            raise


@pytest.mark.parametrize("end", [RunningBroker.stop, RunningBroker.kill], ids=["stopped", "killed"])
def test_restart_under_load(
    make_client: type[Client], tmp_path: Path, end: Callable[[RunningBroker], int]
) -> None:
    """A producer and a consumer live through a restart: every record once, in order, none lost."""
    bootstrap = f"127.0.0.1:{lasting_port()}"
    with running_broker(tmp_path, "--auto-create-topics", "--listen", bootstrap) as first:
        client = make_client(bootstrap)
        with ConfluentClient(bootstrap).writer("t") as writer:
            writer.write([Message(None, b"makes the topic", T0_MS)])
        with client.reader("t", offset=1) as reader:
            writing = SteadyWriting(client, "t")
            try:
                writing.wait_for_more()
                found = reader.read(A_WRITE)
                end(first)
                with running_broker(tmp_path, "--listen", bootstrap):
                    writing.wait_for_more()
                    sent = writing.stop()
                    found += reader.read(len(sent) - len(found))
                    assert sent == [each.message for each in found]
                    assert (0, 1 + len(sent)) == reader.ends()
            finally:
                writing.stop()


def test_group_lives_through_a_restart(make_client: type[Client], tmp_path: Path) -> None:
    """Members that the broker knows no more join again, and go on after what the group has committed."""
    with living_broker(tmp_path) as broker:
        topic = broker.create_topic("t", PARTITIONS)
        client = make_client(broker.bootstrap)
        with fed_group(broker, topic, loses_answers=True) as group:
            for _ in range(2):
                group.join(client)
            group.wait_until_shared()
            broker.restart()
            group.wait_until_taken()
            group.wait_until_shared()
