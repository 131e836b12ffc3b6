"""Any process of a pipeline, killed at any time, again and again; two ledgers outside of the log.

One publisher is the test's own: what it was told is stored has to be in the view, once. The others are
`gputail stream` processes, which are killed too: of their source every pass has to be there in its order,
once, from the first one on; the source itself is the ledger.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from random import Random

from confluent_kafka import Consumer, TopicPartition

from eventlog.client import open_queue
from gputail.demo_load import Load
from ingest.clock import SystemClock
from ingest.sources.simulator import SimulatorSource
from ingest.sources.source import Source
from ingest.telemetry.fields import Value
from ingest.topics import TELEMETRY
from tests.acceptance.api import Api, wait_until
from tests.acceptance.process import RunningProcess
from tests.lasting_port import lasting_port

Event = tuple[int, Mapping[str, Value]]
"""When, in ms since 1970, and the values."""

PARTITIONS = 4
OWN_GPUS = 10
STREAMED_GPUS, STREAMED_SEED = 8, 2
PAUSE_S = (0.05, 0.6)
"""Between two kills."""
SETTLE_S_MAX = 90.0
ANSWER_S_MAX = 60.0
NAMES = ("broker", "streamer-1", "streamer-2", "collector-1", "collector-2", "api")


class Processes:
    """A pipeline of real processes; each is started again as it was."""

    def __init__(self, folder: Path, views_url: str) -> None:
        self.servers, self.listen = (f"127.0.0.1:{lasting_port()}" for _ in range(2))
        joins = ["--bootstrap-servers", self.servers, "--session-s", "6", "--partitions", str(PARTITIONS)]
        views = ["--views", views_url]
        stream = ["stream", *joins, "--source", f"sim:{STREAMED_GPUS}@{STREAMED_SEED}", "--interval", "0.1"]
        collect = ["collect", *joins, *views]
        room = ["--free-bytes-min", "0", "--initial-rebalance-delay-ms", "0"]
        self._commands: Mapping[str, list[str]] = {
            "broker": ["broker", "--data-dir", str(folder / "log"), "--listen", self.servers, *room],
            "streamer-1": stream,
            "streamer-2": stream,
            "collector-1": collect,
            "collector-2": collect,
            "api": ["serve", *views, "--listen", self.listen],
        }
        self.running: dict[str, RunningProcess] = {}
        for name in NAMES:
            self.start(name)

    def start(self, name: str) -> None:
        """Start one; it need not be ready yet."""
        verb, *options = self._commands[name]
        self.running[name] = RunningProcess(verb, *options)

    def kill(self, name: str) -> None:
        """SIGKILL, and start it again."""
        self.running[name].kill()
        self.running[name].close()
        self.start(name)

    def close(self) -> None:
        """End all, however they are."""
        for process in self.running.values():
            process.close()


def check_kills(folder: Path, views: str, *, seed: int, kills: int) -> Counter[str]:
    """Kill so many, one at a time; returns how often each was."""
    return asyncio.run(_check(folder, views, Random(seed), kills), debug=False)


async def _check(folder: Path, views: str, random: Random, kills: int) -> Counter[str]:
    processes = await asyncio.to_thread(Processes, folder, views)
    try:
        await asyncio.to_thread(_streamed_since, Api(f"http://{processes.listen}"), 0)
        queue = open_queue(f"kafka://{processes.servers}")
        load = Load(queue, SystemClock(), OWN_GPUS)
        loading = asyncio.create_task(load.run())
        # Before the first acknowledgement nothing can be lost.
        await asyncio.to_thread(wait_until, lambda: bool(load.acked), "an acknowledgement", SETTLE_S_MAX)
        killed: Counter[str] = Counter()
        turn: list[str] = []
        for number in range(kills):
            # Each in its turn, in an order of its own for each turn.
            turn = random.sample(NAMES, len(NAMES)) if number % len(NAMES) == 0 else turn
            name = turn[number % len(NAMES)]
            await asyncio.to_thread(processes.kill, name)
            killed[name] += 1
            await asyncio.wait({loading}, timeout=random.uniform(*PAUSE_S))
            assert not loading.done(), loading
        load.stop()
        await asyncio.wait_for(loading, SETTLE_S_MAX)
        await queue.close()
        await asyncio.to_thread(_settle, processes)
        api = Api(f"http://{processes.listen}")
        await asyncio.to_thread(_check_ledgers, api, load)
        return killed
    finally:
        await asyncio.to_thread(processes.close)


def _settle(processes: Processes) -> None:
    """The streamers end in order, and the view has all that the log has."""
    api = Api(f"http://{processes.listen}")
    _streamed_since(api, SystemClock().wall_ms())
    for name in ("streamer-1", "streamer-2"):
        processes.running[name].wait_for("ready")
        assert 0 == processes.running[name].stop()
    end = _log_end(processes.servers)
    wait_until(lambda: api.applied_records() == end, f"{end} applied records", SETTLE_S_MAX)


def _streamed_since(api: Api, since_ms: int) -> None:
    """Return when the view has something newer of each GPU of the streamers."""
    ids = {sample.gpu.uuid for sample in SimulatorSource(STREAMED_GPUS, STREAMED_SEED).samples(1)}

    def has_newer() -> bool:
        status, listing = api.ask("/api/v1/gpus")
        seen = {each["id"]: _ms(each["last_seen"]) for each in listing["items"]} if status == 200 else {}
        return all(seen.get(gpu_id, -1) >= since_ms for gpu_id in ids)

    wait_until(has_newer, "streamed samples", SETTLE_S_MAX)


def _log_end(servers: str) -> int:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "ledger"})
    try:
        marks = [
            consumer.get_watermark_offsets(TopicPartition(TELEMETRY, number), ANSWER_S_MAX)
            for number in range(PARTITIONS)
        ]
    finally:
        consumer.close()
    return sum(end for _, end in marks)


def _check_ledgers(api: Api, load: Load) -> None:
    events = {gpu_id: list(events_of(api, gpu_id)) for gpu_id in api.gpu_ids()}
    acked: dict[str, list[Event]] = {}
    for (gpu_id, at_ms), values in sorted(load.acked.items(), key=lambda item: item[0]):
        acked.setdefault(gpu_id, []).append((at_ms, dict(values)))
    assert acked
    found = complaints(events, acked, SimulatorSource(STREAMED_GPUS, STREAMED_SEED))
    assert not found, "\n".join(found)


def complaints(
    events: Mapping[str, Sequence[Event]], acked: Mapping[str, Sequence[Event]], streamed: Source
) -> list[str]:
    """The GPUs of which anything is lost, doubled, altered or out of order.

    Args:
        events: what the view answers, by GPU, in its order.
        acked: what it has to answer of the test's own GPUs.
        streamed: the source of the others: each has its passes from the first one on.
    """
    rows = {sample.gpu.uuid: row for row, sample in enumerate(streamed.samples(1))}
    wrong = []
    for gpu_id in sorted({*events, *acked, *rows}):
        found = list(events.get(gpu_id, ()))
        if gpu_id in rows:
            passes = [streamed.samples(number)[rows[gpu_id]] for number in range(1, len(found) + 1)]
            is_right = bool(found) and [dict(sample.values) for sample in passes] == [v for _, v in found]
        else:
            is_right = found == list(acked.get(gpu_id, ()))
        if not is_right:
            wrong.append(gpu_id)
    return wrong


def events_of(api: Api, gpu_id: str) -> Iterator[Event]:
    """A GPU's events in the order of the answer; a value that is there twice is an event twice."""
    entries = api.entries(gpu_id)
    for place, group in groupby(
        entries, key=lambda entry: (entry["observed_at"], entry["position"]["offset"])
    ):
        values = [(entry["metric_name"], entry["value"]) for entry in group]
        assert len(values) == len(dict(values)), (gpu_id, place)
        yield _ms(place[0]), dict(values)


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
