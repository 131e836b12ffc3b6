"""What `gputail doctor` asks of the data folder's disk: its kind, its room, how fast it flushes."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from eventlog.storage.disk import OpenMode, PosixFile, write_all
from eventlog.storage.settings import LogSettings
from gputail.doctor_finding import Finding, Verdict
from gputail.status import size
from gputail.up_options import UpOptions
from ingest.clock import Clock
from query.views.sqlite.file_system import NETWORK, file_system_of

FLUSHES: Final = 200
FLUSH_S_MAX: Final = 1.0
"""A slow disk is measured by fewer flushes."""
WRITE_BYTES: Final = 4096
FLUSH_S_P99: Final = 0.1
"""Above that, every acknowledgement waits long."""
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there: where it would be made. NotADirectoryError."""
    folder = folder.absolute()
    if folder.is_file():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def file_system(folder: Path) -> Finding:
    """Whether locks and flushes mean something there."""
    kind = file_system_of(folder)
    said = f"{kind or 'its kind cannot be told here'}, {folder}"
    if kind in NETWORK:
        return Finding("file system", Verdict.MEND, said, "keep log and views on a local disk")
    if kind in IN_MEMORY:
        return Finding("file system", Verdict.NOTE, said, "it is memory: gone with a restart of the machine")
    return Finding("file system", Verdict.FINE, said)


def free_space(folder: Path) -> Finding:
    """Whether there is room for what `gputail up` keeps by default."""
    free = shutil.disk_usage(folder).free
    floor, wanted = LogSettings().free_bytes_min, UpOptions().log_bytes
    said = f"{size(free)} on the volume of {folder}"
    if free < floor:
        advice = f"appends are refused below {size(floor)}: free some, or lower --free-bytes-min"
        return Finding("free space", Verdict.MEND, said, advice)
    if free < floor + wanted:
        advice = f"a log grows to {size(wanted)} by default: lower --log-bytes"
        return Finding("free space", Verdict.NOTE, said, advice)
    return Finding("free space", Verdict.FINE, said)


def flush_latency(folder: Path, clock: Clock) -> Finding:
    """How long an acknowledgement waits at least: small appends, each flushed, in a file that goes again."""
    path = folder / f".gputail-doctor-{os.getpid()}"
    try:
        taken_s = sorted(_flushes(path, clock))
    except OSError as error:
        reason = f"{folder} cannot be written: {error.strerror}"
        return Finding("flush", Verdict.MEND, reason, "let this user write there, or name another --data-dir")
    median_s, p99_s = taken_s[len(taken_s) // 2], taken_s[(len(taken_s) - 1) * 99 // 100]
    said = f"p50 {median_s * 1000:.2f} ms, p99 {p99_s * 1000:.2f} ms of {len(taken_s)} flushes"
    if p99_s > FLUSH_S_P99:
        return Finding("flush", Verdict.NOTE, said, "each acknowledgement waits for one: use a faster disk")
    return Finding("flush", Verdict.FINE, said)


def _flushes(path: Path, clock: Clock) -> list[float]:
    data, taken_s = b"\0" * WRITE_BYTES, list[float]()
    end_s = clock.monotonic_s() + FLUSH_S_MAX
    file = PosixFile(path, OpenMode.CREATE)
    try:
        while not taken_s or (len(taken_s) < FLUSHES and clock.monotonic_s() < end_s):
            write_all(file, data, len(taken_s) * WRITE_BYTES)
            begun_s = clock.monotonic_s()
            file.flush()
            taken_s.append(clock.monotonic_s() - begun_s)
    finally:
        file.close()
        path.unlink()
    return taken_s
