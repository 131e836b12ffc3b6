"""The system test: a release in a real cluster loses nothing, whatever is done to it.

It wants a cluster that it may use, by `GPUTAIL_TEST_KUBE_CONTEXT`; `make kubernetes-test` runs it. The tests
are one story, in the order of the file, over one release in a namespace of its own.
"""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.sources import GPU_COUNT, ROW_COUNT
from tests.documents import ROOT
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.pods import claims_of, name_of, ready_after_s, restart_count
from tests.kubernetes.published import record_count
from tests.kubernetes.release import KINDS, MANY, NAME, Release

pytestmark = [pytest.mark.kubernetes, pytest.mark.untraced]

CHART = str(ROOT / "helm" / "gputail")
KIND_VALUES = str(ROOT / "helm" / "gputail" / "ci" / "kind-values.yaml")
FIRST_CHART = os.environ.get("GPUTAIL_TEST_FIRST_CHART", CHART)
"""The version to upgrade from: a chart's folder or archive."""
LATER_VERSION = "999.0.0"
READY_S_MAX = 5.0
AT_ONCE = dict.fromkeys(KINDS, ("--grace-period=0", "--force")) | {"postgresql": ("--now",)}
"""Of each component, how its pod is deleted without time to end.

Where that is forced, the next pod may run before the last one has ended. A broker refuses a log that another
one has locked; nothing holds two servers of PostgreSQL off one volume.
"""


@pytest.fixture(scope="module")
def release() -> Iterator[Release]:
    """A release of the first version of the chart, which has published; removed with its namespace."""
    context = os.environ.get("GPUTAIL_TEST_KUBE_CONTEXT")
    assert context, "say which cluster may be used: GPUTAIL_TEST_KUBE_CONTEXT=kind-gputail"
    cluster = Cluster(context, f"gputail-test-{secrets.token_hex(4)}")
    cluster.kubectl("create", "namespace", cluster.namespace)
    try:
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        cluster.kubectl("label", "namespace", cluster.namespace, restricted)
        settings = shlex.split(os.environ.get("GPUTAIL_TEST_HELM_ARGS", f"--values {KIND_VALUES}"))
        release = Release(cluster, tuple(settings))
        release.install(FIRST_CHART)
        release.wait_for_passes(3)
        yield release
    finally:
        cluster.kubectl("delete", "namespace", cluster.namespace)


def test_a_broker_with_an_empty_volume_is_ready_within_5_s(release: Release) -> None:
    """From the start of its container to its readiness, at the first try."""
    (pod,) = release.pods("broker")
    assert 0 == restart_count(pod)
    assert ready_after_s(pod) <= READY_S_MAX


def test_both_endpoints_answer(release: Release) -> None:
    """Every GPU is listed, and a window has the entries that lie in it, its ends included."""
    with release.api() as api:
        gpu_ids = api.gpu_ids()
        assert GPU_COUNT == len(gpu_ids)
        entries = api.entries(gpu_ids[0])
        times = sorted({entry["observed_at"] for entry in entries})
        window = api.entries(gpu_ids[0], start_time=times[0], end_time=times[1])
        wanted = [entry for entry in entries if entry["observed_at"] in times[:2]]
        assert 0 < len(wanted) < len(entries)
        assert wanted == window


def test_from_one_to_ten_and_back(release: Release) -> None:
    """Streamers and collectors come and go, and each row of each pass is in the views once."""
    release.scale("streamer", MANY)
    release.scale("collector", MANY)
    release.wait_for_passes()
    release.scale("streamer", 1)
    release.scale("collector", 1)
    release.wait_for_passes()
    release.check()


@pytest.mark.parametrize("is_at_once", [False, True], ids=["in order", "at once"])
@pytest.mark.parametrize("component", KINDS)
def test_a_deleted_pod(release: Release, component: str, is_at_once: bool) -> None:
    """Another takes its place, and nothing that was acknowledged is lost."""
    release.replace(component, *(AT_ONCE[component] if is_at_once else ()))
    release.wait_for_passes()
    release.check()


def test_an_upgrade(release: Release, tmp_path: Path) -> None:
    """From the first version of the chart, while it publishes: every pod is replaced, and nothing is lost."""
    before = record_count(release.check())
    archive = tmp_path / f"gputail-{LATER_VERSION}.tgz"
    release.cluster.helm("package", CHART, "--version", LATER_VERSION, "--destination", str(tmp_path))
    release.upgrade(str(archive))
    release.wait_for_passes()
    assert record_count(release.check()) >= before + ROW_COUNT


def test_what_uninstalling_leaves(release: Release) -> None:
    """The log's volume stays, and the next install goes on with it."""
    before = release.check()
    claims = {claim for pod in release.pods("broker") for claim in claims_of(pod)}
    assert claims
    release.uninstall()
    kept = {name_of(claim): claim["status"]["phase"] for claim in release.cluster.objects("pvc")}
    assert dict.fromkeys(claims, "Bound") == {name: kept.get(name) for name in claims}

    release.install(CHART)
    release.wait_for_passes()
    after = release.check()
    # The log that was there is the beginning of the one that is.
    assert {number: records == after[number][: len(records)] for number, records in before.items()} == (
        dict.fromkeys(before, True)
    )


def test_helm_test(release: Release) -> None:
    """The chart's own test goes through: last, for it publishes a source of its own."""
    assert "Phase:          Succeeded" in release.cluster.helm("test", NAME)
