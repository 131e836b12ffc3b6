"""What is tried again, and what health says of it meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from ingest.collector_counters import CollectorCounters
from ingest.collector_settings import CollectorSettings
from ingest.retrying import Retrying, Stopped

QUICK = CollectorSettings(retry_ms_min=1, retry_ms_max=2)


def trying(counters: CollectorCounters, action: str) -> Retrying:
    return Retrying(action, QUICK, counters, asyncio.Event())


async def test_what_goes_well_does_not_hide_what_fails() -> None:
    """The newest failure is told until that very thing has gone well."""
    counters = CollectorCounters()
    apply, maintain = trying(counters, "apply"), trying(counters, "maintain")
    await apply.after(OSError("no rows"))
    await maintain.after(OSError("no lease"))
    assert "no lease" == counters.last_error
    await apply.after(OSError("no rows yet"))
    assert "no rows yet" == counters.last_error
    maintain.succeeded()
    assert "no rows yet" == counters.last_error
    apply.succeeded()
    assert ("", 3) == (counters.last_error, counters.retries)


async def test_another_attempt_at_the_same_thing_ends_it() -> None:
    """Who failed may have lost its partitions; whoever does the same now tells how it goes."""
    counters = CollectorCounters()
    await trying(counters, "apply").after(OSError("no rows"))
    trying(counters, "apply").succeeded()
    assert "" == counters.last_error


async def test_a_stop_is_not_waited_for() -> None:
    """It says so at once, however long the pause would be."""
    stopping = asyncio.Event()
    settings = CollectorSettings(retry_ms_min=3_600_000, retry_ms_max=3_600_000)
    retrying = Retrying("apply", settings, CollectorCounters(), stopping)
    stopping.set()
    with pytest.raises(Stopped):
        async with asyncio.timeout(60):
            await retrying.after(OSError("no rows"))
