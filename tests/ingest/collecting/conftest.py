"""Each test with a `pipeline` runs over both logs and all views."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from eventlog.client.admin import KafkaAdmin
from eventlog.client.errors import GroupActiveError, UnknownGroupError, UnknownTopicError
from ingest.topics import COLLECTORS, DEAD_LETTERS, TELEMETRY
from tests.eventlog.client.broker_process import BrokerProcess
from tests.ingest.collecting.running import Pipeline, TelemetryInBroker, TelemetryInMemory, memory_views

SESSION_S_MAX = 60.0
"""Longer than the session of any collector here."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path_factory.mktemp("broker"))
    yield process
    process.stop()


@pytest.fixture
def in_memory() -> Pipeline:
    """Both in this process: for what does not depend on the adapters."""
    return Pipeline(TelemetryInMemory(), memory_views())


@pytest.fixture
def in_broker(broker: BrokerProcess, tmp_path: Path) -> Iterator[Pipeline]:
    """A real log and a real view."""
    place = TelemetryInBroker(broker)
    yield Pipeline(place, f"sqlite:///{tmp_path}/views")
    admin = place.admin()
    with suppress(UnknownGroupError):
        delete_when_empty(admin, COLLECTORS)
    for topic in (TELEMETRY, DEAD_LETTERS):
        with suppress(UnknownTopicError):
            admin.delete_topic(topic)


def delete_when_empty(admin: KafkaAdmin, group_id: str) -> None:
    """A member whose farewell took too long stays until its session ends: the next test must not meet it."""
    end_s = time.monotonic() + SESSION_S_MAX
    while True:
        try:
            admin.delete_group(group_id)
        except GroupActiveError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture(
    params=[
        "memory-memory",
        "memory-sqlite",
        pytest.param("memory-postgres", marks=pytest.mark.long),
        "kafka-sqlite",
    ]
)
def pipeline(request: pytest.FixtureRequest, views_of: Callable[..., str]) -> Pipeline:
    if request.param == "kafka-sqlite":
        found = request.getfixturevalue("in_broker")
        assert isinstance(found, Pipeline)
        return found
    return Pipeline(TelemetryInMemory(), views_of(request.param.removeprefix("memory-")))
