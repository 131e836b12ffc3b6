"""kcat, an old librdkafka at the command line, against the broker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client import ALL_CODECS, Message
from tests.clients.confluent_client import ConfluentClient
from tests.clients.living_broker import LivingBroker, living_broker
from tests.clients.rot import rot

KCAT = shutil.which("kcat")
TIMEOUT_S = 30
T0_MS = 1_700_000_000_000
LINES = [b"%d %s" % (number, b"compresses well " * 20) for number in range(100)]

pytestmark = pytest.mark.skipif(KCAT is None, reason="kcat is not installed: apt-get install kcat")


@pytest.fixture
def kcat(broker: LivingBroker) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs kcat with these options, and with this at its standard input."""

    def run(
        *options: str, stdin: bytes = b"", bootstrap: str = broker.bootstrap
    ) -> subprocess.CompletedProcess[bytes]:
        assert KCAT is not None
        prompt = ("-X", "fetch.wait.max.ms=50") if "-C" in options else ()
        return subprocess.run(
            [KCAT, "-b", bootstrap, *prompt, *options],
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return run


Kcat = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.mark.parametrize("codec", ALL_CODECS)
def test_every_codec(kcat: Kcat, topic: str, codec: str) -> None:
    """Lines that kcat sends are the lines that it reads."""
    sent = kcat("-P", "-t", topic, "-z", codec, "-X", "linger.ms=5", stdin=b"\n".join(LINES))
    assert 0 == sent.returncode, sent.stderr
    found = kcat("-C", "-t", topic, "-o", "beginning", "-e", "-q")
    assert LINES == found.stdout.splitlines()


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_acks(kcat: Kcat, topic: str, acks: str) -> None:
    """With keys, headers and nulls, and every kind of acknowledgement."""
    sent = kcat(
        *("-P", "-t", topic, "-p", "0", "-X", f"acks={acks}", "-K", ":", "-Z", "-H", "trace=1", "-H", "x=é"),
        stdin=b"key:value\nnull:\n:none",
    )
    assert 0 == sent.returncode, sent.stderr
    found = kcat("-C", "-t", topic, "-o", "beginning", "-c", "3", "-J")
    told = [json.loads(line) for line in found.stdout.splitlines()]
    assert [("key", "value"), ("null", None), (None, "none")] == [
        (each["key"], each["payload"]) for each in told
    ]
    assert [["trace", "1", "x", "é"]] * 3 == [each["headers"] for each in told]
    assert [0, 1, 2] == [each["offset"] for each in told]


def test_idempotent(kcat: Kcat, topic: str) -> None:
    """An idempotent producer of this age gets its id, and is acknowledged."""
    sent = kcat("-P", "-t", topic, "-X", "enable.idempotence=true", stdin=b"\n".join(LINES))
    assert 0 == sent.returncode, sent.stderr
    assert LINES == kcat("-C", "-t", topic, "-e", "-q").stdout.splitlines()


def test_reading_between_times(kcat: Kcat, broker: LivingBroker, topic: str) -> None:
    """kcat reads from one time to another, to the record."""
    with ConfluentClient(broker.bootstrap).writer(topic, codec="lz4") as writer:
        writer.write([Message(None, b"%d" % number, T0_MS + number) for number in range(10)])
    found = kcat("-C", "-t", topic, "-o", f"s@{T0_MS + 3}", "-o", f"e@{T0_MS + 7}", "-q")
    assert [b"3", b"4", b"5", b"6"] == found.stdout.splitlines()
    asked = kcat("-Q", "-t", f"{topic}:0:{T0_MS + 5}")
    assert f"{topic} [0] offset 5" == asked.stdout.decode().strip()


def test_group(kcat: Kcat, topic: str) -> None:
    """kcat as a member of a group reads what the group has not read yet."""
    options = ("-G", f"of-{topic}", "-X", "auto.offset.reset=earliest", "-q", topic)
    kcat("-P", "-t", topic, stdin=b"one\ntwo")
    assert [b"one", b"two"] == kcat("-c", "2", *options).stdout.splitlines()
    kcat("-P", "-t", topic, stdin=b"three")
    assert [b"three"] == kcat("-c", "1", *options).stdout.splitlines()


def test_metadata(kcat: Kcat, broker: LivingBroker, create_topic: Callable[..., str]) -> None:
    """kcat lists the broker and a topic's partitions."""
    topic = create_topic(3)
    told: dict[str, Any] = json.loads(kcat("-L", "-J", "-t", topic).stdout)
    assert [broker.bootstrap] == [each["name"] for each in told["brokers"]]
    (listed,) = told["topics"]
    assert (topic, [0, 1, 2]) == (listed["topic"], [each["partition"] for each in listed["partitions"]])


def test_unknown_topic(kcat: Kcat) -> None:
    """A topic that does not exist is told by that name."""
    found = kcat("-C", "-t", "no-such-topic", "-e")
    assert (1, True) == (found.returncode, b"Unknown topic or partition" in found.stderr)


def test_damage(kcat: Kcat, tmp_path: Path) -> None:
    """kcat ends with the error at a damaged batch, and reads on where it is sent past it."""
    with living_broker(tmp_path) as broker:
        broker.create_topic("t")
        for number in range(3):
            kcat("-P", "-t", "t", stdin=b"%d" % number, bootstrap=broker.bootstrap)
        broker.stop()
        rot(broker, "t", 1)
        broker.start()
        found = kcat("-C", "-t", "t", "-o", "beginning", "-e", bootstrap=broker.bootstrap)
        assert (1, b"0\n") == (found.returncode, found.stdout)
        assert b"Broker: Invalid message" in found.stderr
        past = kcat("-C", "-t", "t", "-o", "2", "-e", "-q", bootstrap=broker.bootstrap)
        assert [b"2"] == past.stdout.splitlines()
