"""R17: streamers share a source, come and go, stall and are killed; the views get every row once."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from eventlog.client import open_queue
from ingest.topics import TELEMETRY, TELEMETRY_PARTITIONS
from tests.eventlog.client.broker_process import BrokerProcess
from tests.ingest.streaming.fleet import samples
from tests.ingest.streaming.judge import Folded, everything, expected, fold, rows_by_partition
from tests.ingest.streaming.running import RunningStreamers, running_streamers

STREAMERS = 10
RATE = 3_000.0
LONG_ROUNDS = 100


def test_streamers_come_and_go_and_every_row_is_there_once(tmp_path: Path, seed: int) -> None:
    """R17: 1 to 10 and back, one stopped past its session and continued, one killed while it sends."""
    check_sharing(tmp_path, seed=seed, rounds=1)


@pytest.mark.long
def test_streamers_come_and_go_at_length(tmp_path: Path, seed: int) -> None:
    """The same many times over."""
    check_sharing(tmp_path, seed=seed, rounds=LONG_ROUNDS)


def check_sharing(path: Path, *, seed: int, rounds: int) -> None:
    luck = random.Random(seed)
    rows = rows_by_partition(samples(60, 2), TELEMETRY_PARTITIONS)
    for number in range(rounds):
        broker = BrokerProcess(path / str(number))
        try:
            address = f"127.0.0.1:{broker.port}"
            with running_streamers(address, "fleet", RATE) as streamers:
                shared_by_ten(streamers, luck)
            folded = asyncio.run(folded_log(address))
        finally:
            broker.stop()
        assert rows.keys() == folded.applied.keys()
        for partition, applied in folded.applied.items():
            assert expected(rows[partition], len(applied)) == applied


def shared_by_ten(streamers: RunningStreamers, choice: random.Random) -> None:
    names = [f"streamer-{number}" for number in range(STREAMERS)]
    for name in names:
        streamers.start(name)
        if name in (names[0], names[4]):  # the others come at once
            has_sent(streamers, name)
    for name in names:
        has_sent(streamers, name)
    stopped, killed = choice.sample(names, 2)
    streamers.until(lambda: streamers.told(stopped, "events_pending") > 0)
    streamers.signal(stopped, signal.SIGSTOP)
    owned_by(streamers, [name for name in names if name != stopped])
    moved = streamers.told(stopped, "rebalances")
    streamers.signal(stopped, signal.SIGCONT)
    # What it had is lost, unless it was stopped between that and this: it is assigned anew.
    streamers.until(
        lambda: (
            streamers.told(stopped, "rebalances") > moved and streamers.told(stopped, "partitions_owned") > 0
        )
    )
    has_sent(streamers, stopped)
    streamers.until(lambda: streamers.told(killed, "events_pending") > 0)
    streamers.signal(killed, signal.SIGKILL)
    streamers.wait(killed)
    left = [name for name in names if name != killed]
    owned_by(streamers, left)
    choice.shuffle(left)
    while left:
        leaver = left.pop()
        streamers.signal(leaver, signal.SIGTERM)
        assert streamers.wait(leaver) == 0
        if left:
            owned_by(streamers, left)


def has_sent(streamers: RunningStreamers, name: str) -> None:
    """It sends, from now on counted."""
    sent = streamers.told(name, "events_acknowledged")
    streamers.until(lambda: streamers.has_sent(name, sent))


def owned_by(streamers: RunningStreamers, names: list[str]) -> None:
    """These have all partitions between them."""
    streamers.until(
        lambda: sum(streamers.told(name, "partitions_owned") for name in names) == TELEMETRY_PARTITIONS
    )


async def folded_log(address: str) -> Folded:
    queue = open_queue(f"kafka://{address}")
    try:
        return fold(await everything(queue, TELEMETRY), "fleet")
    finally:
        await queue.close()
