"""What `gputail doctor` asks of the machine: libraries, open files, clocks."""

from __future__ import annotations

import ctypes
import platform
import resource
import sys
from datetime import UTC, datetime
from typing import Final

from eventlog.broker.settings import BrokerSettings
from eventlog.client.kafka_library import librdkafka_version
from gputail.doctor_finding import Finding, Verdict
from gputail.open_files import files_wanted
from ingest.clock import Clock
from query.views.postgres.library import library_version
from query.views.sqlite.library import REPAIRED, sqlite_version

PYTHON_MIN: Final = (3, 11)
CLOCKS_APART_S_MAX: Final = 0.05
EARLIEST_MS: Final = 1_735_689_600_000
"""2025-01-01: a clock before that has never been set."""
TIME_ERROR: Final = 5
"""What ntp_adjtime(2) answers where the clock is not kept by anybody."""
_TIMEX_BYTES: Final = 1024
"""More than its struct has anywhere; all zeros ask and change nothing."""


def python() -> Finding:
    """The interpreter."""
    said = f"{platform.python_implementation()} {platform.python_version()}, {platform.platform(terse=True)}"
    if sys.implementation.name != "cpython" or sys.version_info < PYTHON_MIN:
        return Finding("python", Verdict.MEND, said, "CPython 3.11 or newer is wanted")
    return Finding("python", Verdict.FINE, said)


def sqlite() -> Finding:
    """The library of the views."""
    version = sqlite_version()
    said = ".".join(map(str, version))
    if version < REPAIRED:
        wanted = ".".join(map(str, REPAIRED))
        advice = f"its WAL-reset bug can lose what was committed: install apsw {wanted} or newer"
        return Finding("sqlite", Verdict.MEND, said, advice)
    return Finding("sqlite", Verdict.FINE, f"{said}, with the repair of the WAL-reset bug")


def psycopg() -> Finding:
    """The library of views in PostgreSQL, which not everybody has."""
    return Finding("psycopg", Verdict.FINE, library_version() or "none; only views in PostgreSQL need it")


def librdkafka() -> Finding:
    """The library of the log's clients."""
    return Finding("librdkafka", Verdict.FINE, librdkafka_version())


def open_files() -> Finding:
    """How many files a process may open: a broker raises the limit by itself, as far as it is let."""
    wanted = files_wanted(BrokerSettings())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = f"{hard:,}" if hard != resource.RLIM_INFINITY else "any number"
    said = f"{soft:,} now, and up to {most} if a process asks; a full broker wants {wanted:,}"
    if hard != resource.RLIM_INFINITY and hard < wanted:
        advice = "raise the hard limit (ulimit -Hn), else fewer clients are let in"
        return Finding("open files", Verdict.NOTE, said, advice)
    return Finding("open files", Verdict.FINE, said)


class ClockCheck:
    """Compares the wall clock with the monotonic one, from when it is made until it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.wall_ms() / 1000, clock.monotonic_s()

    def finding(self, keeping: int | None) -> Finding:
        """What the clocks did; `keeping` is the system's word on who keeps it, None where it has none."""
        wall_ms, monotonic_s = self._clock.wall_ms(), self._clock.monotonic_s()
        apart_s = abs((wall_ms / 1000 - self._began[0]) - (monotonic_s - self._began[1]))
        said = datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="seconds")
        if wall_ms < EARLIEST_MS:
            return Finding("clock", Verdict.MEND, said, "the clock was never set: every sample gets its time")
        if apart_s > CLOCKS_APART_S_MAX:
            advice = f"it has just jumped by {apart_s:.2f} s: let it be slewed, not set, while gputail runs"
            return Finding("clock", Verdict.NOTE, said, advice)
        if keeping == TIME_ERROR:
            advice = "nobody keeps it synchronised: run chrony, systemd-timesyncd or ntpd"
            return Finding("clock", Verdict.NOTE, said, advice)
        return Finding("clock", Verdict.FINE, f"{said}, {_KEEPING[keeping is None]}")


_KEEPING: Final = {False: "kept synchronised", True: "whether it is synchronised cannot be told here"}


def keeping() -> int | None:
    """The system's answer to who keeps the clock; None where it has none."""
    try:
        adjtime = ctypes.CDLL(None).ntp_adjtime
    except (AttributeError, OSError):
        return None
    answer = int(adjtime(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if answer < 0 else answer
