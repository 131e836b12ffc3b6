"""R10: collectors that die at each point of an apply, one after another, on one view."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from eventlog.client import open_queue
from ingest.topics import DEAD_LETTERS, TELEMETRY
from tests.eventlog.client.broker_process import ROOT, BrokerProcess
from tests.ingest.collecting.events import random_records
from tests.ingest.collecting.naive_fold import rows_of_view
from tests.ingest.collecting.running import Pipeline, TelemetryInBroker, ends_of, read_all
from tests.reliability.pipeline.collector_program import POINTS, SAME_MEMBER, SETTINGS
from tests.reliability.pipeline.ledger import Ledger

RECORDS = 150
"""Published before each life: more than it applies before it dies."""
APPLIES_MAX = 3
DEATH_S_MAX = 60.0


def check_collector_kills(data_dir: Path, views: str, *, seed: int, kills: int) -> Mapping[str, int]:
    """Kill so many; returns how many died at each point."""
    return asyncio.run(_check(data_dir, views, Random(seed), kills))


async def _check(data_dir: Path, views: str, random: Random, kills: int) -> Mapping[str, int]:
    broker = await asyncio.to_thread(BrokerProcess, data_dir / "log")
    pipeline = Pipeline(TelemetryInBroker(broker), views)
    queue = pipeline.place.open()
    ledger = Ledger()
    deaths: Counter[str] = Counter()
    turn: list[str] = []
    try:
        await queue.ensure_topic(TELEMETRY, SETTINGS.topic_partitions, {})
        publisher = await queue.publisher(TELEMETRY)
        for number in range(kills):
            records = random_records(
                random, RECORDS, partitions=SETTINGS.topic_partitions, first_row=number * RECORDS
            )
            await publisher.publish(records).wait()
            ledger.add(records)
            turn = random.sample(POINTS, len(POINTS)) if number % len(POINTS) == 0 else turn
            point, nth = turn[number % len(POINTS)], random.randint(1, APPLIES_MAX)
            await asyncio.to_thread(_live_and_die, broker.port, pipeline.views, point, nth)
            deaths[point] += 1
            _check_view(pipeline, ledger)
        async with _last_one(pipeline, broker.port):
            await pipeline.applied(queue)
        _check_view(pipeline, ledger)
        letters = {
            tuple(int(dict(record.headers)[name] or b"") for name in ("partition", "offset"))
            for record in await read_all(queue, DEAD_LETTERS)
        }
        assert set(ledger.fold().poison) == letters
    finally:
        await queue.close()
        await asyncio.to_thread(broker.stop)
    return deaths


@asynccontextmanager
async def _last_one(pipeline: Pipeline, port: int) -> AsyncGenerator[None]:
    """A collector that lives; it takes the place of the dead, instead of waiting for their session's end."""
    queue = open_queue(f"kafka://127.0.0.1:{port}", settings=SAME_MEMBER)
    async with pipeline.collector(queue):
        yield
    await queue.close()


def _live_and_die(port: int, views: str, point: str, nth: int) -> None:
    command = [sys.executable, "-m", "tests.reliability.pipeline.collector_program"]
    done = subprocess.run(
        [*command, str(port), views, point, str(nth)], cwd=ROOT, timeout=DEATH_S_MAX, check=False
    )
    assert -signal.SIGKILL == done.returncode


def _check_view(pipeline: Pipeline, ledger: Ledger) -> None:
    """The view is the fold of the ledger up to its own checkpoint: no more, no less, nothing twice."""
    reader = pipeline.reader()
    try:
        ends = ends_of(reader)
        expected = [row for row in ledger.fold().rows if row.offset < ends.get(row.partition, 0)]
        assert expected == rows_of_view(reader)
    finally:
        reader.close()
