"""The rendered probes ask the real processes, started with the rendered variables and arguments."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.process import RunningProcess
from tests.chart.environment import environment, expanded
from tests.chart.manifests import Container, Manifests, Pod
from tests.chart.probing import LIVE, PROBES, READY, ours, verb
from tests.chart.rendering import Renderer
from tests.gputail.asking import ask
from tests.lasting_port import lasting_port
from tests.postgres_server import DATABASE, PASSWORD, PostgresServer

VALUES: dict[str, Any] = {
    "broker": {
        "extraEnv": [
            {"name": "GPUTAIL_FREE_BYTES_MIN", "value": "0"},
            {"name": "GPUTAIL_INITIAL_REBALANCE_DELAY_MS", "value": "0"},
        ]
    },
}
FULL_DISK: dict[str, Any] = {
    "broker": {"extraEnv": [{"name": "GPUTAIL_FREE_BYTES_MIN", "value": str(2**60)}]},
}
ADMIN = "GPUTAIL_ADMIN_LISTEN"
STORE = "gputail"
"""What the chart calls it; each test process has a server of its own."""
WAITING = {"startupProbe": 200, "livenessProbe": 200, "readinessProbe": 503}
"""What the probes of a process get that has what it needs to run, and nothing to do yet."""
READY_S_MAX = 60.0
GRACE_S_MAX = 60.0
POLL_S = 0.05


class Cluster:
    """One machine for all nodes: the rendered containers as processes, with addresses of this machine.

    `database` is where a server of PostgreSQL listens, and its database: `HOST:PORT/DATABASE`.
    """

    def __init__(self, manifests: Manifests, folder: Path, database: str = "") -> None:
        self._database = database
        self._containers: dict[str, tuple[Pod, Container]] = {
            verb(container) or "": (pod, container) for pod, container in ours(manifests)
        }
        self._manifests = manifests
        self._folder = folder
        self._broker = f"127.0.0.1:{lasting_port()}"
        self._stack = ExitStack()
        self.running: dict[str, RunningProcess] = {}

    def start(self, name: str) -> RunningProcess:
        """Run the container with that verb; its admin listener answers."""
        pod, container = self._containers[name]
        variables = self._at_home(environment(self._manifests, pod, container))
        words = [expanded(word, variables) for word in container.spec["args"]]
        variables.pop(ADMIN)  # any free port, by a flag
        process = RunningProcess(*words, **variables)
        self.running[name] = self._stack.enter_context(closing(process))
        process.wait_for("listen_admin")
        return process

    def answers(self, name: str) -> dict[str, int]:
        """The status that each probe of the container gets."""
        found = {}
        for probe in PROBES:
            path = self._containers[name][1].spec[probe]["httpGet"]["path"]
            found[probe] = ask(self.running[name].admin_url + path).status
        return found

    def is_well(self, name: str) -> bool:
        """Whether every probe gets its 200."""
        return {200} == set(self.answers(name).values())

    def is_asked_where_it_answers(self, name: str) -> bool:
        """Whether every probe's port is the one that health listens at, in the pod."""
        pod, container = self._containers[name]
        port = int(environment(self._manifests, pod, container)[ADMIN].rpartition(":")[2])
        return all(container.ports[container.spec[probe]["httpGet"]["port"]] == port for probe in PROBES)

    def close(self) -> None:
        """End all."""
        self._stack.close()

    def _at_home(self, variables: dict[str, str]) -> dict[str, str]:
        """The same settings, with addresses and folders of this machine."""
        found = dict(variables)
        if "GPUTAIL_LISTEN" in found:
            found["GPUTAIL_LISTEN"] = self._broker if "GPUTAIL_ADVERTISE" in found else "127.0.0.1:0"
        for name in {"GPUTAIL_ADVERTISE", "GPUTAIL_BOOTSTRAP_SERVERS"} & set(found):
            found[name] = self._broker
        views = found.get("GPUTAIL_VIEWS", "")
        if views.startswith("sqlite:"):
            found["GPUTAIL_VIEWS"] = views.replace("sqlite:///", f"sqlite:///{self._folder}", 1)
        elif views:
            found["GPUTAIL_VIEWS"] = re.sub("@[^?]*", f"@{self._database}", views)
            assert found["PGPASSWORD"], "the chart makes a password"
            found["PGPASSWORD"] = PASSWORD
        if "GPUTAIL_DATA_DIR" in found:
            found["GPUTAIL_DATA_DIR"] = f"{self._folder}{found['GPUTAIL_DATA_DIR']}"
        return found


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + READY_S_MAX
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


@pytest.fixture(params=["sqlite", "postgresql"])
def cluster(request: pytest.FixtureRequest, renderer: Renderer, tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        database = ""
        if request.param == "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres")
            database = f"127.0.0.1:{postgres.port}/{DATABASE}"
            stack.callback(postgres.drop_store, STORE)
        manifests = renderer.manifests({**VALUES, "views": {"store": request.param}})
        yield stack.enter_context(closing(Cluster(manifests, tmp_path, database)))


def test_every_probe_is_served_and_means_one_thing(cluster: Cluster) -> None:
    """Alive is who answers; ready is an API with a view, and anybody else with a broker."""
    waiting = ("serve", "stream", "collect")
    for name in waiting:
        cluster.start(name)
        assert cluster.is_asked_where_it_answers(name)
        # A loop that is busy with its start does not live for a moment.
        assert wait_until(lambda: cluster.answers(name) == WAITING), (name, cluster.answers(name))  # noqa: B023

    cluster.start("broker")
    assert cluster.is_asked_where_it_answers("broker")
    for name in ("broker", *waiting):
        assert wait_until(partial(cluster.is_well, name)), (name, cluster.answers(name))

    for name in (*waiting, "broker"):
        began = time.monotonic()
        assert 0 == cluster.running[name].stop(), name
        assert time.monotonic() - began < GRACE_S_MAX


def test_a_full_disk_restarts_no_broker(renderer: Renderer, tmp_path: Path) -> None:
    """A broker that takes no more writes is alive, and ready to be read from."""
    with closing(Cluster(renderer.manifests(FULL_DISK), tmp_path)) as cluster:
        broker = cluster.start("broker")
        broker.wait_for("ready")
        assert cluster.is_well("broker")
        assert '"is_low": true' in ask(broker.admin_url + READY).body
        assert 200 == ask(broker.admin_url + LIVE).status


@pytest.mark.parametrize("cluster", ["sqlite"], indirect=True)
def test_a_path_that_is_not_served_is_seen(cluster: Cluster) -> None:
    """What a probe with a misspelt path would get."""
    process = cluster.start("stream")
    assert 404 == ask(process.admin_url + "/healthz").status
