"""R17: streamers and collectors come, go, stall and die, and the view has every row of every pass once."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.api import wait_until
from tests.acceptance.ledger import check, read_ledger
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.process import RunningProcess
from tests.acceptance.sources import ROW_COUNT
from tests.gputail.asking import ask, samples

PARTITIONS = 12
SESSION_S = 6.0
"""A member that is gone is noticed when its session is over."""
MOVE_S_MAX = 90.0


def facts(process: RunningProcess) -> dict[str, Any]:
    """What it says of itself; nothing before it is ready."""
    assert process.process.poll() is None, (process.lines[-3:], process.other_output)
    reply = ask(f"{process.admin_url}/health/ready")
    found: dict[str, Any] = json.loads(reply.body) if reply.status == 200 else {}
    return found


def counted(process: RunningProcess, name: str) -> float:
    """One of its metrics; 0 before it has begun."""
    return samples(ask(f"{process.admin_url}/metrics").body).get(name, 0.0)


def wait_for_shares(members: list[RunningProcess], what: str) -> None:
    """Return when these have all partitions, and none of them none."""

    def have_all() -> bool:
        owned = [facts(member).get("partitions", 0) for member in members]
        return sum(owned) == PARTITIONS and all(owned)

    wait_until(have_all, f"all partitions with {len(members)} {what}", MOVE_S_MAX)


def wait_for_work(members: list[RunningProcess], name: str) -> None:
    """Return when each of these has done something."""
    wait_until(lambda: all(counted(member, name) for member in members), f"{name} of each", MOVE_S_MAX)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("sqlite", 3),
        pytest.param("postgres", 2, marks=pytest.mark.long),
        pytest.param("sqlite", 10, marks=pytest.mark.long),
        pytest.param("postgres", 10, marks=pytest.mark.long),
    ],
)
def test_every_row_of_every_pass_once(
    tmp_path: Path, views_of: Callable[..., str], kind: str, count: int
) -> None:
    """From one of each to many and back; one of each stalls past its session and goes on, one is killed."""
    with Pipeline(tmp_path / "log", views_of(kind), session_s=SESSION_S) as pipeline:
        api = pipeline.api()
        streamers = [pipeline.streamer("sample", "--interval", "0.5")]
        collectors = [pipeline.collector("--batch-records", "1000")]
        api.wait_for_records(ROW_COUNT)

        streamers += [pipeline.streamer("sample", "--interval", "0.5") for _ in range(count - 1)]
        collectors += [pipeline.collector("--batch-records", "1000") for _ in range(count - 1)]
        settle_all(streamers, collectors)
        wait_for_work(streamers, "gputail_stream_stored_records_total")
        wait_for_work(collectors, "gputail_collect_records_total")

        stalled = (streamers[0], collectors[0])
        for process in stalled:
            process.send(signal.SIGSTOP)
        settle_all(streamers[1:], collectors[1:])
        for process in stalled:
            process.send(signal.SIGCONT)
        settle_all(streamers, collectors)

        for process in (streamers.pop(), collectors.pop()):
            assert -signal.SIGKILL == process.kill()
        settle_all(streamers, collectors)

        assert [0] * (count - 2) == [streamer.stop() for streamer in streamers[1:]]
        assert [0] * (count - 2) == [collector.stop() for collector in collectors[1:]]
        settle_all(streamers[:1], collectors[:1])
        api.wait_for_records(api.applied_records() + ROW_COUNT)
        assert 0 == streamers[0].stop()

        ledger = read_ledger(pipeline.broker.bootstrap)
        api.wait_for_records(ledger.record_count)
        check(api, ledger)


def settle_all(streamers: list[RunningProcess], collectors: list[RunningProcess]) -> None:
    """Return when the partitions are shared among these."""
    wait_for_shares(streamers, "streamers")
    wait_for_shares(collectors, "collectors")
