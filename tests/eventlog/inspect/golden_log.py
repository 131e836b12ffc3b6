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
from pathlib import Path

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
}
EXIT_CODES = {
    CLEAN: {"dump": 0, "headers": 0, "verify": 0},
    TORN: {"dump": 3, "headers": 3, "verify": 3},
    DAMAGED: {"dump": 4, "headers": 4, "verify": 4},
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
    await directory.close()
    disk.close()


def tear(path: Path) -> None:
    """Half a batch after the end, as a kill in the middle of a write leaves it."""
    last = segments(path)[-1]
    whole = encode_batch([Record(b"half", b"x" * 100, (), START_MS)], base_offset=34)
    last.write_bytes(last.read_bytes() + whole[: len(whole) // 2])


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


def segments(path: Path) -> list[Path]:
    """The segment files of the partition that has records."""
    return sorted((path / "topics" / TOPIC / "0").glob("*.log"))


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
