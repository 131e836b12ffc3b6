"""Events for collectors to consume: a seeded source with blanks, workloads, several values and duplicates."""

from __future__ import annotations

from random import Random

from eventlog.client import NewRecord
from ingest.telemetry.codec import encode
from ingest.telemetry.model import GPU, NO_WORKLOAD, Origin, TelemetryEvent, Workload

FIELDS = ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_XID_ERRORS", "SOMETHING_ELSE")
START_MS = 1_700_000_000_000


def event(row: int, *, gpu: int = 0, source: str = "test", pass_number: int = 1, value: float = 1.0) -> bytes:
    """One plain event of one value."""
    return encode(
        TelemetryEvent(
            gpu=GPU(f"GPU-{gpu}", f"host-{gpu // 8}", gpu % 8),
            observed_at_ms=START_MS + row,
            values={FIELDS[0]: value},
            origin=Origin(source, pass_number, row),
        )
    )


def random_event(random: Random, row: int, *, source: str = "test", gpu_count: int = 5) -> bytes:
    """An event as a source might have it."""
    number = random.randrange(gpu_count)
    names = random.sample(FIELDS, random.choice((1, 1, 1, 3)))
    workload = (
        Workload(pod=f"pod-{random.randrange(3)}", namespace="n") if random.random() < 0.5 else NO_WORKLOAD
    )
    return encode(
        TelemetryEvent(
            gpu=GPU(
                f"GPU-{number}", f"host-{number // 2}", number, driver_version=random.choice((None, "535"))
            ),
            observed_at_ms=START_MS + row * 10 + random.randrange(20),
            values={name: random.choice((None, 0, 7, -1.5, 2**53)) for name in names},
            origin=Origin(source, 1 + row // 100, row % 100),
            workload=workload,
            labels={"job": random.choice("ab")} if random.random() < 0.3 else {},
        )
    )


def random_records(random: Random, count: int, *, partitions: int, first_row: int = 0) -> list[NewRecord]:
    """Records of two sources in all partitions: with events sent twice, and records that are none."""
    records: list[NewRecord] = []
    for row in range(first_row, first_row + count):
        choice = random.random()
        if choice < 0.03:
            value = random.choice((b"", b"no event", b'{"v":1}', b'{"v":2,"gpu":{}}'))
        elif choice < 0.1 and records:
            again = random.choice(records)
            value, partition = again.value or b"", again.partition
            records.append(NewRecord(value, None, partition, START_MS + row))
            continue
        else:
            value = random_event(random, row, source=random.choice(("a", "b")))
        records.append(NewRecord(value, None, random.randrange(partitions), START_MS + row))
    return records
