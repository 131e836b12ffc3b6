"""One broker for all tests over a running one: each has topics and groups of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.eventlog.broker.running import running_broker
from tests.eventlog.remote.verbs import Cluster

_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("GPUTAIL_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_broker(tmp_path_factory.mktemp("remote"), "--initial-rebalance-delay-ms", "0") as broker:
        yield Cluster(broker.bootstrap)


@pytest.fixture
def name() -> str:
    """A name that no other test has, for a topic or a group."""
    return f"name-{next(_NUMBERS)}"


@pytest.fixture
def topic(cluster: Cluster, name: str) -> str:
    """A topic of two partitions; the first one has ten records, a second apart."""
    cluster.fine("topic", "create", name, "--partitions", 2)
    cluster.produce(name, 0, *range(1_767_225_600_000, 1_767_225_610_000, 1000))
    return name
