"""The golden data directories, and the outputs that the commands have to give on them.

`golden/clean` was written once, in format 1, and stays: whatever comes later must read it. `torn` and
`damaged` are copies of it with bytes changed. After a wanted change of an output,

    python -m tests.eventlog.inspect.golden_log

writes `golden/expected` anew, to be read through before it is committed; with `--logs` also the logs,
which a new format asks for, in folders of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

from eventlog.group.committed import (
    Change,
    Committed,
    GroupForgotten,
    GroupOccupied,
    OffsetCommitted,
    OffsetForgotten,
    TopicForgotten,
)
from eventlog.group.offset_record import encode_change
from eventlog.record import Codec, Record, encode_batch
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings, TopicSettings
from gputail.cli import main
from tests.reliability.manual_clock import ManualClock

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = GOLDEN / "expected"
CLEAN, TORN, DAMAGED = "clean", "torn", "damaged"
VERBS = {
    "topics": ("topics",),
    "segments": ("segments",),
    "dump": ("dump",),
    "headers": ("dump", "--headers-only"),
    "verify": ("verify", "--explain"),
    "offsets": ("offsets",),
}
EXIT_CODES = {
    CLEAN: {"dump": 0, "headers": 0, "verify": 0, "offsets": 0},
    TORN: {"dump": 3, "headers": 3, "verify": 3, "offsets": 3},
    DAMAGED: {"dump": 4, "headers": 4, "verify": 4, "offsets": 4},
}
CASES = [(log, verb, form) for log in EXIT_CODES for verb in VERBS for form in ("txt", "jsonl")]

TOPIC = "golden.telemetry"
START_MS = 1_767_225_600_000
FILES_TIME_S = 1_767_312_000
"""Where an index is lost, the time of the file says when it was last appended to."""
SETTINGS = TopicSettings(segment_bytes=1500, index_interval_bytes=200, retention_ms=-1)


def batches() -> list[bytearray]:
    """Every codec, with and without keys, values, headers and a producer id; and a batch within a value."""
    found = []
    for number, codec in enumerate([*Codec, *Codec, Codec.NONE]):
        at_ms = START_MS + number * 1000
        records = [
            Record(b"GPU-%d" % number, b'{"util":%d}' % number, (), at_ms),
            Record(None, bytes(range(0, 256, 15)), (("trace", b"\x01\x02"), ("empty", None)), at_ms + 1),
            Record(b"k", None, (), at_ms - 500),
        ]
        if number == 5:
            records.append(Record(b"forged", bytes(encode_batch(records, base_offset=99)), (), at_ms + 2))
        producer = {"producer_id": 77, "producer_epoch": 1, "base_sequence": (number - 6) * 3}
        found.append(encode_batch(records, codec=codec, **(producer if number > 5 else {})))
    return found


async def write_clean(path: Path) -> None:
    """The golden log, closed in order."""
    disk = PosixDisk()
    clock = ManualClock(START_MS)
    directory = await LogDirectory.open(path, disk=disk, clock=clock, settings=LogSettings(free_bytes_min=0))
    await directory.create_topic(TOPIC, 2, SETTINGS)
    log = directory.partition(TOPIC, 0)
    for batch in batches():
        appended = log.append(batch)
        clock.advance(1000)
    await directory.flush()
    await log.durable(appended)
    topic_id = directory.topics.get(TOPIC).topic_id
    await directory.close()
    disk.close()
    write_groups(path, topic_id)


def write_groups(path: Path, topic_id: uuid.UUID) -> None:
    """An offsets log of every kind of record: commits, tombstones, what is known of members."""
    rounds: list[list[Change]] = [
        [
            OffsetCommitted("collectors", TOPIC, 0, _committed(6, "epoch 1", 0, topic_id)),
            GroupOccupied("collectors", "consumer", None),
        ],
        [
            OffsetCommitted("collectors", TOPIC, 0, _committed(28, "", 1, topic_id)),
            OffsetCommitted("collectors", TOPIC, 1, _committed(0, "", 1, topic_id)),
        ],
        [OffsetCommitted("audit", TOPIC, 0, _committed(3, "r\u00e9sum\u00e9\t1", 2, topic_id))],
        [
            OffsetCommitted("gone", TOPIC, 0, _committed(1, "", 3, topic_id)),
            GroupForgotten("gone"),
            OffsetCommitted("audit", "old.topic", 4, _committed(9, "", 3, uuid.UUID(int=9))),
            OffsetCommitted("audit", "older.topic", 0, _committed(9, "", 3, uuid.UUID(int=8))),
            TopicForgotten(uuid.UUID(int=8)),
        ],
        [
            OffsetCommitted("audit", TOPIC, 1, _committed(0, "", 4, topic_id)),
            OffsetForgotten("audit", TOPIC, 1),
            GroupOccupied("collectors", "consumer", START_MS + 5000),
        ],
    ]
    data, offset = b"", 7
    for number, changes in enumerate(rounds):
        records = [encode_change(change, START_MS + number * 1000) for change in changes]
        data += encode_batch(records, base_offset=offset)
        offset += len(changes)
    folder = path / "groups"
    folder.mkdir()
    (folder / "00000000000000000007.log").write_bytes(data)


def _committed(offset: int, metadata: str, second: int, topic_id: uuid.UUID) -> Committed:
    return Committed(offset, -1, metadata, START_MS + second * 1000, topic_id)


def tear(path: Path) -> None:
    """Half a batch after the end, as a kill in the middle of a write leaves it."""
    last = segments(path)[-1]
    whole = encode_batch([Record(b"half", b"x" * 100, (), START_MS)], base_offset=34)
    last.write_bytes(last.read_bytes() + whole[: len(whole) // 2])
    groups = offsets_file(path)
    groups.write_bytes(groups.read_bytes()[:-20])


def damage(path: Path) -> None:
    """A bit in a body, a segment that is gone, an index that is gone and one with a wrong entry."""
    first, second, *_ = segments(path)
    data = bytearray(first.read_bytes())
    data[70] ^= 0x10
    first.write_bytes(data)
    second.unlink()
    second.with_suffix(".index").unlink()
    second.with_suffix(".timeindex").unlink()
    first.with_suffix(".timeindex").unlink()
    index = bytearray(first.with_suffix(".index").read_bytes())
    index[3] ^= 1
    first.with_suffix(".index").write_bytes(index)
    groups = bytearray(offsets_file(path).read_bytes())
    groups[300] ^= 0x10
    offsets_file(path).write_bytes(groups)


def segments(path: Path) -> list[Path]:
    """The segment files of the partition that has records."""
    return sorted((path / "topics" / TOPIC / "0").glob("*.log"))


def offsets_file(path: Path) -> Path:
    """The file of the offsets log."""
    (found,) = (path / "groups").glob("*.log")
    return found


def output(log: str, verb: str, form: str) -> tuple[int, str, str]:
    """What the command says of a golden log: exit code, stdout, stderr."""
    return output_of([*VERBS[verb], "--data-dir", log, *(["--json"] if form == "jsonl" else [])])


def output_of(argv: list[str]) -> tuple[int, str, str]:
    """What `gputail log` says in a folder that holds copies of the golden logs."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        for log in EXIT_CODES:
            shutil.copytree(GOLDEN / log, log)
        for path in Path().rglob("*"):
            os.utime(path, (FILES_TIME_S, FILES_TIME_S))
        code = main(["log", *argv])
    return code, stdout.getvalue(), stderr.getvalue()


def write_logs() -> None:
    """Write the three data directories anew."""
    for name in EXIT_CODES:
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
    asyncio.run(write_clean(GOLDEN / CLEAN))
    (GOLDEN / CLEAN / "lock").unlink()
    for name, change in ((TORN, tear), (DAMAGED, damage)):
        shutil.copytree(GOLDEN / CLEAN, GOLDEN / name)
        change(GOLDEN / name)


def write_expected() -> None:
    """Write what the commands say now."""
    EXPECTED.mkdir(exist_ok=True)
    for log, verb, form in CASES:
        (EXPECTED / f"{log}-{verb}.{form}").write_text(output(log, verb, form)[1], encoding="utf-8")


if __name__ == "__main__":
    os.environ.pop("GPUTAIL_CONFIG", None)
    if "--logs" in sys.argv:
        write_logs()
    write_expected()
