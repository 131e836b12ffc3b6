"""What each process offers to be set reaches its pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.checks import complaints
from tests.chart.manifests import Pod
from tests.chart.rendering import Renderer

TOLERATION = {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
NODES: dict[str, Any] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
RESOURCES = {"requests": {"cpu": "3m", "memory": "7Mi"}, "limits": {"memory": "9Gi"}}

OF_PODS: dict[str, Any] = {
    "nodeSelector": {"pool": "telemetry"},
    "tolerations": [TOLERATION],
    "affinity": NODES,
    "topologySpreadConstraints": [SPREAD],
    "priorityClassName": "high",
}
KNOBS: dict[str, Any] = {
    **OF_PODS,
    "podLabels": {"team": "gpu"},
    "podAnnotations": {"reloader/auto": "true"},
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    "resources": RESOURCES,
}
PROCESSES = ["broker", "streamer", "collector", "api", "postgresql"]


def pod_of(renderer: Renderer, process: str, values: dict[str, Any]) -> tuple[Pod, dict[str, str]]:
    """A process's pods and their annotations."""
    manifests = renderer.manifests(values)
    (item,) = [
        each
        for each in manifests.of("Deployment", "StatefulSet")
        if each["metadata"]["name"] == f"demo-gputail-{process}"
    ]
    pod = next(
        each for each in manifests.pods() if each.where == f"{item['kind']}/{item['metadata']['name']}"
    )
    return pod, item["spec"]["template"]["metadata"].get("annotations", {})


@pytest.mark.parametrize("process", PROCESSES)
def test_every_knob_turns(renderer: Renderer, process: str) -> None:
    """Scheduling, labels, variables, volumes and resources are the pod's as they were given."""
    pod, annotations = pod_of(renderer, process, {process: KNOBS})
    (container,) = pod.containers()

    assert OF_PODS == {name: pod.spec.get(name) for name in OF_PODS}
    assert pod.labels.items() >= KNOBS["podLabels"].items()
    assert annotations.items() >= KNOBS["podAnnotations"].items()
    assert KNOBS["extraEnv"][0] == container.variables[-1]
    assert KNOBS["extraVolumes"][0] in pod.spec["volumes"]
    assert KNOBS["extraVolumeMounts"][0] in container.spec["volumeMounts"]
    assert RESOURCES == container.spec["resources"]


@pytest.mark.parametrize("process", PROCESSES)
def test_no_knob_breaks_anything(renderer: Renderer, process: str) -> None:
    """All checks are content with all of them set."""
    assert [] == complaints(renderer.manifests({process: KNOBS}))


def test_processes_that_share_a_pod_share_its_knobs(renderer: Renderer) -> None:
    """With SQLite the same label, annotation or volume may be given for both; each keeps its mounts."""
    shared = {name: KNOBS[name] for name in KNOBS if name not in OF_PODS}
    manifests = renderer.manifests({"views": {"store": "sqlite"}, "collector": shared, "api": shared})
    assert [] == complaints(manifests)
    (pod,) = [pod for pod in manifests.pods() if pod.where.endswith("-views")]
    assert ["collector", "api"] == [container.spec["name"] for container in pod.containers()]
    for container in pod.containers():
        assert KNOBS["extraVolumeMounts"][0] in container.spec["volumeMounts"]
        assert RESOURCES == container.spec["resources"]


def test_pull_secrets_reach_every_pod(renderer: Renderer) -> None:
    """That of `helm test`, too."""
    pods = renderer.manifests({"imagePullSecrets": [{"name": "mine"}]}).pods()
    assert 6 == len(pods)
    assert [[{"name": "mine"}]] * 6 == [pod.spec.get("imagePullSecrets") for pod in pods]


def test_the_image_is_that_of_every_process(renderer: Renderer) -> None:
    """Repository and tag are set in one place; PostgreSQL has its own."""
    image = {"repository": "registry.example/gpu/tail", "tag": "1.2.3", "pullPolicy": "Always"}
    containers = [
        container
        for pod in renderer.manifests({"image": image}).pods()
        for container in pod.containers()
        if container.spec["name"] != "postgresql"
    ]
    assert 5 == len(containers)
    for container in containers:
        assert "registry.example/gpu/tail:1.2.3" == container.spec["image"]
        assert "Always" == container.spec["imagePullPolicy"]


@pytest.mark.parametrize(
    ("persistence", "expected"),
    [
        ({}, {"claim": "10Gi", "class": None}),
        ({"size": "5Gi", "storageClass": "fast"}, {"claim": "5Gi", "class": "fast"}),
        ({"storageClass": "-"}, {"claim": "10Gi", "class": ""}),
        ({"existingClaim": "mine"}, {"volume": {"persistentVolumeClaim": {"claimName": "mine"}}}),
        ({"enabled": False}, {"volume": {"emptyDir": {}}}),
    ],
    ids=["default", "size", "no-class", "existing", "none"],
)
@pytest.mark.parametrize("process", ["broker", "postgresql"])
def test_where_the_data_are(
    renderer: Renderer, process: str, persistence: dict[str, Any], expected: dict[str, Any]
) -> None:
    """On a claim that is made, on one of the user's, or nowhere."""
    pod, _ = pod_of(renderer, process, {process: {"persistence": persistence}})
    found: dict[str, Any] = {}
    for claim in pod.claims:
        spec = claim["spec"]
        found = {"claim": spec["resources"]["requests"]["storage"], "class": spec.get("storageClassName")}
    names = {"broker": "log", "postgresql": "data"}
    for volume in pod.spec.get("volumes", ()):
        if volume["name"] == names[process]:
            found["volume"] = {key: part for key, part in volume.items() if key != "name"}
    assert expected == found
