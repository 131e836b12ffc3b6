"""One release of the chart: installed, scaled, hurt, stopped, and judged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import attrs

from tests.acceptance.api import Api, wait_until
from tests.acceptance.sources import ROW_COUNT
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.judging import complaints
from tests.kubernetes.pods import Pod, is_ready, uid_of
from tests.kubernetes.published import Log, read_log, record_count

NAME = "gputail"
PASS_S = 5
"""Every so often the whole source is published."""
MANY = 10
"""So many streamers and collectors at most."""
PODS_S_MAX = 300.0
RECORDS_S_MAX = 180.0

KINDS = {
    "broker": "statefulset",
    "streamer": "deployment",
    "collector": "deployment",
    "api": "deployment",
    "postgresql": "statefulset",
}
"""Of each component, what keeps its pods."""

CHANGES = {"log.level": "warning", "postgresql.podAnnotations.upgraded": "yes"}
"""Values of an upgrade that has every pod replaced: those of another chart alone need not."""


@attrs.frozen
class Release:
    """The release `gputail` in a namespace of its own; `settings` are arguments of `helm`."""

    cluster: Cluster
    settings: tuple[str, ...]

    def install(self, chart: str) -> None:
        """Install it, and wait until every pod is ready."""
        self._apply("install", chart)

    def upgrade(self, chart: str) -> None:
        """Go on with another version of the chart and `CHANGES`, until every pod is another and ready."""
        before = self._uids()
        changes = [part for key, value in CHANGES.items() for part in ("--set", f"{key}={value}")]
        self._apply("upgrade", chart, *changes)
        wait_until(lambda: before.isdisjoint(self._uids()), "every pod is another one", PODS_S_MAX)

    def uninstall(self) -> None:
        """Take it away, and wait until no pod is left."""
        self.cluster.helm("uninstall", NAME, "--wait")
        wait_until(lambda: not self.cluster.objects("pods"), "no pod is left", PODS_S_MAX)

    # --- its pods ------------------------------------------------------------------------------

    def pods(self, component: str) -> list[Pod]:
        """Those that there are, ready or not."""
        chosen = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
        return list(self.cluster.objects("pods", "--selector", chosen))

    def scale(self, component: str, count: int) -> None:
        """Have so many pods, all of them ready, and none that still ends."""
        self.cluster.kubectl("scale", f"{KINDS[component]}/{NAME}-{component}", f"--replicas={count}")

        def are_there() -> bool:
            pods = self.pods(component)
            return len(pods) == count and all(map(is_ready, pods))

        wait_until(are_there, f"{count} pods of {component}", PODS_S_MAX)

    def replace(self, component: str, *options: str) -> None:
        """Delete every pod of a component, and wait until others are ready in their place."""
        before = {uid_of(pod) for pod in self.pods(component)}
        assert before, f"there is no pod of {component}"
        names = [f"pod/{pod['metadata']['name']}" for pod in self.pods(component)]
        self.cluster.kubectl("delete", *names, *options)

        def are_others() -> bool:
            pods = self.pods(component)
            return len(pods) == len(before) and all(
                is_ready(pod) and uid_of(pod) not in before for pod in pods
            )

        wait_until(are_others, f"{component} is ready again", PODS_S_MAX)

    # --- what it holds -------------------------------------------------------------------------

    @contextlib.contextmanager
    def api(self) -> Iterator[Api]:
        """The API, by a forwarded port: it ends with the API's pod."""
        with self.cluster.forwarded(f"service/{NAME}-api", 80) as port:
            yield Api(f"http://127.0.0.1:{port}")

    def log(self) -> Log:
        """What the log holds now, read from the broker's volume."""
        verb = ("gputail", "log", "dump", "--topic", "gpu.telemetry", "--json")
        return read_log(self.cluster.lines("exec", f"pod/{NAME}-broker-0", "--", *verb))

    def wait_for_passes(self, count: int = 2) -> None:
        """Return when so many more passes are in the views: everything works."""
        with self.api() as api:
            wait_until(lambda: api.applied_records() > 0, "the views can be read", RECORDS_S_MAX)
            api.wait_for_records(api.applied_records() + count * ROW_COUNT, RECORDS_S_MAX)

    def check(self) -> Log:
        """Stop the streamers, let the collectors come to the end, and assert that nothing is lost.

        Returns the log that it was judged by. The streamers are one again, as they were.
        """
        self.scale("streamer", 0)
        log = self.log()
        with self.api() as api:
            api.wait_for_records(record_count(log), RECORDS_S_MAX)
            assert [] == api.get("/api/v1/pipeline")["gaps"]
            assert [] == complaints(log, api.all_entries(), ROW_COUNT)
        self.scale("streamer", 1)
        return log

    def _uids(self) -> set[str]:
        return {uid_of(pod) for component in KINDS for pod in self.pods(component)}

    def _apply(self, verb: str, chart: str, *changes: str) -> None:
        passes = ("--set", f"streamer.interval={PASS_S}")
        self.cluster.helm(verb, NAME, chart, "--wait", "--timeout", "5m", *passes, *changes, *self.settings)
