"""/metrics in one process: from a broker's snapshot to text, and what is said where there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs

from gputail.admin import Request
from gputail.broker_metrics import families
from gputail.exposition import Numbers, metrics_route, render
from gputail.recovery_report import RecoveryReport
from tests.eventlog.inspect.written import batch
from tests.gputail.asking import samples
from tests.gputail.test_broker_snapshot import commit, open_broker, snapshot_of


async def test_before_recovery_there_is_little_to_tell() -> None:
    """That it runs, that it is not ready, and what the process needs."""
    taken = await snapshot_of(None)
    text = render(lambda: families(taken), "").body.decode()

    names = {name.partition("{")[0] for name in samples(text) if name.startswith("gputail")}
    assert {
        "gputail_broker_info",
        "gputail_broker_ready",
        "gputail_broker_event_loop_lag_max_seconds",
    } == names


async def test_a_running_broker_tells_all(tmp_path: Path) -> None:
    """What the snapshot has is in the text, under the right names."""
    async with open_broker(tmp_path) as broker:
        await broker.directory.create_topic("t", 1)
        log = broker.directory.partition("t", 0)
        await log.durable(log.append(batch(0, 10)))
        await commit(broker, 'odd "group"\n', 4)
        broker.measurements.append.observe(0.002)
        broker.measurements.append.observe(60.0)
        taken = await snapshot_of(broker)
    recovery = RecoveryReport.of([], 0.5)
    taken = attrs.evolve(taken, recovery=recovery)
    told = samples(render(lambda: families(taken), "").body.decode())

    expected = {
        'partition_high_watermark{partition="0",topic="t"}': 10,
        'group_lag_records{group="odd \\"group\\"\\n",partition="0",topic="t"}': 6,
        'groups{state="empty"}': 1,
        "volume_total_bytes": broker.directory.total_bytes,
        "recovery_seconds": 0.5,
        'append_duration_seconds_bucket{le="0.001"}': 0,
        'append_duration_seconds_bucket{le="0.0025"}': 1,
        'append_duration_seconds_bucket{le="10.0"}': 1,
        'append_duration_seconds_bucket{le="+Inf"}': 2,
        "append_duration_seconds_sum": 60.002,
    }
    assert expected == {name: told[f"gputail_broker_{name}"] for name in expected}


async def test_a_loop_that_is_gone_has_no_numbers() -> None:
    """The scrape fails, and says why."""

    async def take() -> Numbers:
        return lambda: ()

    gone = asyncio.new_event_loop()
    gone.close()
    answer = await metrics_route(gone, take)(Request())

    assert (503, b"the event loop has ended\n") == (answer.status, answer.body)
