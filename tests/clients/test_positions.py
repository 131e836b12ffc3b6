"""Where a client reads: by offset, by time, by the group's commits, and by its policy where there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventlog.protocol import ApiKey
from tests.clients.client import Client, Message, NoOffsetError, NothingCameError
from tests.clients.living_broker import LivingBroker

T0_MS = 1_700_000_000_000
TEN = [Message(b"k", b"%d" % number, T0_MS + number * 1000) for number in range(10)]


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_seek_by_time(client: Client, topic: str, codec: str) -> None:
    """A time leads to the first record that is not older, also in the middle of a batch; then, to none."""
    with client.writer(topic, codec=codec) as writer:
        writer.write(TEN)
    with client.reader(topic) as reader:
        wanted = {T0_MS - 1: 0, T0_MS: 0, T0_MS + 4000: 4, T0_MS + 4001: 5, T0_MS + 9000: 9}
        assert wanted == {time_ms: reader.offset_at(time_ms) for time_ms in wanted}
        assert reader.offset_at(T0_MS + 9001) is None
        reader.read(1)
        reader.seek(4)
        assert TEN[4:] == [found.message for found in reader.read(6)]


def test_seek_by_time_among_batches(client: Client, topic: str) -> None:
    """Of times that go back and forth, the first record in the log that is new enough is found."""
    times_ms = [T0_MS + late for late in (0, 5000, 3000, 9000, 1000)]
    with client.writer(topic, codec="lz4") as writer:
        for time_ms in times_ms:
            writer.write([Message(None, b"x", time_ms), Message(None, b"y", time_ms)])
    with client.reader(topic) as reader:
        wanted = {0: 0, 1: 2, 5000: 2, 5001: 6, 9000: 6, 9001: None}
        assert wanted == {late: reader.offset_at(T0_MS + late) for late in wanted}


def test_reset_policies(client: Client, broker: LivingBroker, topic: str) -> None:
    """Without a committed offset a reader begins where its policy says, or tells that it has none."""
    with client.writer(topic) as writer:
        writer.write(TEN)
        with client.reader(topic, offset=None, reset="earliest") as reader:
            assert TEN == [found.message for found in reader.read(10)]
        with client.reader(topic, offset=None, reset="error") as reader, pytest.raises(NoOffsetError):
            reader.read(1)


def test_reset_of_a_far_offset(client: Client, topic: str) -> None:
    """An offset that the log does not hold is not found, and the policy decides again."""
    with client.writer(topic) as writer:
        writer.write(TEN)
    with client.reader(topic, offset=77, reset="earliest") as reader:
        assert 0 == reader.read(1)[0].offset
    with client.reader(topic, offset=77, reset="error") as reader, pytest.raises(NoOffsetError):
        reader.read(1)


def test_reset_to_the_end(client: Client, broker: LivingBroker, topic: str) -> None:
    """With `latest` a reader gets what comes after it has looked where the end is."""
    with client.writer(topic) as writer:
        writer.write(TEN)
        looked = broker.answered(ApiKey.LIST_OFFSETS)
        with client.reader(topic, offset=77, reset="latest") as reader:
            while broker.answered(ApiKey.LIST_OFFSETS) == looked:
                with pytest.raises(NothingCameError):
                    reader.read(1, wait_s=0.5)
            writer.write(TEN[:1])
            assert 10 == reader.read(1)[0].offset


def test_commits(client: Client, create_topic: Callable[[], str]) -> None:
    """A group's offset is told to whoever asks, and the next reader of the group begins there."""
    topic = create_topic()
    with client.writer(topic) as writer:
        writer.write(TEN)
    with client.reader(topic, group=f"of-{topic}") as reader:
        assert reader.committed() is None
        reader.read(7)
        reader.commit(7, "where I was, é")
        assert 7 == reader.committed()
    with client.reader(topic, group=f"of-{topic}", offset=None) as reader:
        assert TEN[7:] == [found.message for found in reader.read(3)]
        reader.commit(10, "")
        reader.commit(3, "back")
        assert 3 == reader.committed()
    with client.reader(topic, group=f"other-of-{topic}") as reader:
        assert reader.committed() is None
