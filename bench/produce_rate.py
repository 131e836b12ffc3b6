"""Acknowledged records a second, against NATS JetStream and Redis Streams, over sizes and partitions.

Ours acknowledges after `fdatasync`. The others run at their laxer defaults: JetStream with file storage
syncs every two minutes, Redis every second. Each side's in-flight settings are found first, by a short run
of each candidate; the best one is measured, in rounds that take every side in turn, each on a server of its
own with an empty folder. The gate is the median of the ratios within the rounds.
"""

from __future__ import annotations

import csv
import socket
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import attrs

from bench.measured import Figure, median_ratio
from bench.programs import client, installed, run_client
from bench.servers import Server, broker, nats, redis, scratch_folder

ROUNDS = 5
TRIAL_S = 0.7
RUN_S = 2.0
CASES = ((100, 1), (100, 12), (200, 1), (200, 12), (1000, 1), (1000, 12))
"""Bytes of a record's value, and partitions."""
RATIO_MIN = {100: 3.0, 200: 3.0, 1000: 2.0}

LINGER_MS = 5
BATCH_BYTES = 1_000_000
REDIS_TRIAL_RECORDS = 300_000

GATED = "gputail"

Setting = tuple[int, ...]


@attrs.frozen
class Load:
    """What one run came to."""

    records: int
    seconds: float
    server_cpu_s: float

    @property
    def rate(self) -> float:
        return self.records / self.seconds


@attrs.frozen
class Side:
    """One of those compared: its server, its load, and the settings among which it has the choice."""

    name: str
    serve: Callable[[Path, int], AbstractContextManager[Server]]
    load: Callable[[Server, int, int, Setting, float], tuple[int, float]]
    """Server, bytes, partitions, setting, and seconds or (Redis) the records a second to be expected."""
    settings: Sequence[Setting]
    tell: str
    """A setting, in words."""

    def run(self, record_bytes: int, partitions: int, setting: Setting, seconds: float) -> Load:
        """One run on an empty server."""
        with scratch_folder() as folder, self.serve(folder, partitions) as server:
            spent_s = server.cpu_s()
            records, taken_s = self.load(server, record_bytes, partitions, setting, seconds)
            return Load(records, taken_s, server.cpu_s() - spent_s)

    def best_setting(self, record_bytes: int, partitions: int) -> Setting:
        """The setting of the fastest of one short run each."""
        rates = {
            setting: self.run(record_bytes, partitions, setting, TRIAL_S).rate for setting in self.settings
        }
        return max(rates, key=lambda setting: rates[setting])


def run() -> Iterator[Figure]:
    """Measure all cases; the gates are the ratios."""
    for record_bytes, partitions in CASES:
        yield from _case(record_bytes, partitions)


def _case(record_bytes: int, partitions: int) -> Iterator[Figure]:
    sides = [*ours(), *peers()]
    chosen = {side.name: side.best_setting(record_bytes, partitions) for side in sides}
    loads: dict[str, list[Load]] = {side.name: [] for side in sides}
    for number in range(ROUNDS):
        # There and back: nobody always comes right after the one who leaves most behind.
        for side in sides if number % 2 == 0 else reversed(sides):
            loads[side.name].append(side.run(record_bytes, partitions, chosen[side.name], RUN_S))
    case = f"{record_bytes} B, {partitions} partition{'s' if partitions > 1 else ''}"
    for side in sides:
        rate = statistics.median(load.rate for load in loads[side.name])
        cpu_us = statistics.median(1e6 * load.server_cpu_s / load.records for load in loads[side.name])
        settings = side.tell.format(*chosen[side.name])
        note = f"server {cpu_us:.2f} us CPU a record; {settings}"
        yield Figure(f"{case}: {side.name}", rate, "records/s", note=note)
    for our in ours():
        for peer in peers():
            pairs = [(a.rate, b.rate) for a, b in zip(loads[our.name], loads[peer.name], strict=True)]
            ratio = median_ratio(pairs)
            # Neither peer recognises a record that is sent twice: that is reported, and not gated.
            least = RATIO_MIN[record_bytes] if our.name == GATED else None
            note = f"{ROUNDS} rounds"
            yield Figure(f"{case}: {our.name} / {peer.name}", ratio, "", note=note, limit_min=least)


# --- the sides ---------------------------------------------------------------------------------


def ours() -> list[Side]:
    """Our broker with and without idempotence; a setting is librdkafka's queue in KiB."""
    tell = f"linger {LINGER_MS} ms, batches of {BATCH_BYTES} B, 5 in flight, queue {{}} KiB"
    return [
        Side(GATED, broker, _kafka_load(idempotence=False), [(8192,), (16384,), (65536,)], tell),
        Side(
            "gputail idempotent", broker, _kafka_load(idempotence=True), [(8192,), (16384,), (65536,)], tell
        ),
    ]


def peers() -> list[Side]:
    """JetStream (messages in flight, connections), Redis (pipelined commands, connections)."""
    return [
        Side(
            "JetStream",
            lambda folder, _: nats(folder),
            _nats_load,
            [(1024, 1), (4096, 1), (4096, 2), (16384, 2)],
            "{} in flight, {} connections",
        ),
        Side(
            "Redis Streams",
            lambda folder, _: redis(folder),
            _redis_load,
            [(64, 4), (256, 4), (256, 8), (1024, 4)],
            "pipelines of {}, {} connections",
        ),
    ]


def _kafka_load(*, idempotence: bool) -> Callable[[Server, int, int, Setting, float], tuple[int, float]]:
    def load(
        server: Server, size: int, partitions: int, setting: Setting, seconds: float
    ) -> tuple[int, float]:
        program = client("produce_kafka", "rdkafka")
        settings = {
            "acks": "all",
            "enable.idempotence": str(idempotence).lower(),
            "linger.ms": LINGER_MS,
            "batch.size": BATCH_BYTES,
            "max.in.flight": 5,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": setting[0],
        }
        told = [f"{name}={value}" for name, value in settings.items()]
        report = run_client(program, server.address, "bench", partitions, size, seconds, 0, *told)
        return report["records"], report["seconds"]

    return load


def _nats_load(
    server: Server, size: int, partitions: int, setting: Setting, seconds: float
) -> tuple[int, float]:
    program = client("produce_nats", "libnats")
    report = run_client(program, f"nats://{server.address}", partitions, size, seconds, *setting)
    return report["records"], report["seconds"]


_redis_rates: dict[tuple[int, int, Setting], float] = {}
"""redis-benchmark takes a number of records, not a time: the trial says how many fill the time."""


def _redis_load(
    server: Server, size: int, partitions: int, setting: Setting, seconds: float
) -> tuple[int, float]:
    expected = _redis_rates.get((size, partitions, setting))
    records = REDIS_TRIAL_RECORDS if expected is None else int(expected * seconds)
    pipelined, connections = setting
    command = [installed("redis-benchmark"), "-p", str(server.port), "-n", str(records), "--csv"]
    command += ["-P", str(pipelined), "-c", str(connections)]
    command += [] if partitions == 1 else ["-r", str(partitions)]
    command += ["XADD", "bench" if partitions == 1 else "bench:__rand_int__", "*", "v", "r" * size]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = float(list(csv.reader(report.splitlines()))[-1][1])
    _redis_rates.setdefault((size, partitions, setting), rate)
    stored = _redis_stored(server, partitions)
    assert stored >= records, f"Redis holds {stored} records of {records}"
    return records, records / rate


def _redis_stored(server: Server, partitions: int) -> int:
    keys = ["bench"] if partitions == 1 else [f"bench:{number:012d}" for number in range(partitions)]
    with (
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall("".join(f"XLEN {key}\r\n" for key in keys).encode())
        return sum(int(answers.readline()[1:]) for _ in keys)
