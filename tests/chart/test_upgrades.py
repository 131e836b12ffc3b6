"""What an upgrade leaves alone: immutable fields, volumes, the password, pods that nothing changed for."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.api_server import api_server
from tests.chart.helm import DEMO, Helm, Release
from tests.chart.manifests import Manifest, Manifests, called, parse
from tests.chart.rendering import CHART, Renderer

MUTABLE = {
    "StatefulSet": {
        "replicas", "ordinals", "template", "updateStrategy", "minReadySeconds", "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
    },
    "Deployment": {
        "replicas", "template", "strategy", "minReadySeconds", "revisionHistoryLimit", "paused",
        "progressDeadlineSeconds",
    },
}  # fmt: skip
"""Fields of the spec that an API server lets an upgrade change; the others are for ever."""

LABELS = {"podLabels": {"team": "gpu"}, "podAnnotations": {"a": "b"}}
SMALL = {"resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "9Gi"}}}
CHANGES: list[dict[str, Any]] = [
    {"image": {"repository": "registry.example/gputail", "tag": "9.9.9"}},
    {"broker": {**LABELS, **SMALL, "flush": "os", "startupSeconds": 600}},
    {"postgresql": {**LABELS, **SMALL, "image": {"tag": "16.9"}, "settings": {"work_mem": "8MB"}}},
    {"streamer": {**LABELS, "replicas": 5}, "collector": {**LABELS, "replicas": 5}, "api": LABELS},
    {"log": {"level": "debug", "format": "pretty"}, "topic": {"days": 3}, "views": {"days": 1}},
    {"collector": {"keda": {"enabled": True}}, "api": {"autoscaling": {"enabled": True}}},
    {"podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": True}},
    {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
]
STORES: list[dict[str, Any]] = [{}, {"views": {"store": "sqlite"}}]


def immutable(manifests: Manifests) -> dict[str, Any]:
    """What must not change, by the resource that has it."""
    found: dict[str, Any] = {}
    for item in manifests.items:
        kept = MUTABLE.get(item["kind"])
        if kept is not None:
            found[called(item)] = {key: part for key, part in item["spec"].items() if key not in kept}
        elif item["kind"] == "Service":
            found[called(item)] = item["spec"].get("clusterIP")
        elif item["kind"] == "PersistentVolumeClaim":
            found[called(item)] = item["spec"]
    return found


def of_another_version(folder: Path) -> Path:
    """The chart as its next version, of the next version of the program."""
    chart = shutil.copytree(CHART, folder / "gputail")
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about | {"version": "7.7.7", "appVersion": "8.8.8"}))
    return chart


def pods(manifests: Manifests) -> dict[str, Manifest]:
    """What workloads make pods of."""
    return {called(item): item["spec"]["template"] for item in manifests.of("Deployment", "StatefulSet")}


@pytest.mark.parametrize("change", CHANGES, ids=["-".join(change) for change in CHANGES])
def test_values_change_no_immutable_field(renderer: Renderer, change: dict[str, Any]) -> None:
    """An upgrade with other values is one that the API server takes."""
    before, after = immutable(renderer.manifests({})), immutable(renderer.manifests(change))
    assert before
    assert before == {name: part for name, part in after.items() if name in before}


@pytest.mark.parametrize("store", STORES, ids=["postgresql", "sqlite"])
def test_another_version_changes_no_immutable_field(
    renderer: Renderer, helm: Helm, tmp_path: Path, store: dict[str, Any]
) -> None:
    """And so is one to the next version of the chart; the image is the only change of its pods."""
    text = helm.render(of_another_version(tmp_path), store, Release(is_upgrade=True)).manifests
    before, after = renderer.manifests(store), Manifests(parse(text.replace(":8.8.8", ":0.1.0")))
    assert "gputail:8.8.8" in text
    assert immutable(before) == immutable(after)
    assert pods(before) == pods(after)


def test_immutable_fields_are_seen(renderer: Renderer) -> None:
    """The comparison finds another name, size or label of a claim, and another selector."""
    paths: list[tuple[str | int, ...]] = [
        ("serviceName",),
        ("selector", "matchLabels", "helm.sh/chart"),
        ("volumeClaimTemplates", 0, "metadata", "labels", "helm.sh/chart"),
        ("volumeClaimTemplates", 0, "spec", "resources", "requests", "storage"),
    ]
    for path in paths:
        manifests = renderer.manifests({})
        part = manifests.of("StatefulSet")[0]["spec"]
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = "another"
        assert immutable(renderer.manifests({})) != immutable(manifests), path


def test_only_pods_whose_settings_changed_are_replaced(renderer: Renderer) -> None:
    """A setting of the broker starts the broker anew, and nobody else."""
    before, after = pods(renderer.manifests({})), pods(renderer.manifests({"broker": {"flush": "os"}}))
    changed = {name for name, template in before.items() if template != after[name]}
    assert {"StatefulSet/demo-gputail-broker"} == changed


# --- the password ------------------------------------------------------------------------------


def password(manifests: Manifests) -> str:
    """As it stands in the Secret."""
    secret = manifests.find("Secret", "demo-gputail-postgresql")
    assert secret is not None
    found: str = secret["data"]["password"]
    return found


def stored(secret: Manifest) -> Manifest:
    """A rendered Secret as a cluster has it after the installation."""
    about = {
        **secret["metadata"],
        "namespace": DEMO.namespace,
        "annotations": {
            **secret["metadata"]["annotations"],
            "meta.helm.sh/release-name": DEMO.name,
            "meta.helm.sh/release-namespace": DEMO.namespace,
        },
    }
    return {**secret, "metadata": about}


def test_the_password_is_generated_once(helm: Helm) -> None:
    """Each installation makes its own; an upgrade, and an installation anew, find the one that is there."""
    first = Manifests(parse(helm.render(CHART, {}).manifests))
    second = Manifests(parse(helm.render(CHART, {}).manifests))
    assert password(first) != password(second)
    with api_server(stored(first.of("Secret")[0])) as server:
        for release in (Release(is_upgrade=True), DEMO):
            found = Manifests(parse(helm.render(CHART, {}, release, apiserver=server).manifests))
            assert password(first) == password(found)


def test_a_password_of_another_namespace_is_not_taken(helm: Helm) -> None:
    """Two releases of one name share nothing."""
    first = Manifests(parse(helm.render(CHART, {}).manifests))
    with api_server(stored(first.of("Secret")[0])) as server:
        elsewhere = Release(namespace="elsewhere")
        found = Manifests(parse(helm.render(CHART, {}, elsewhere, apiserver=server).manifests))
    assert password(first) != password(found)


def test_what_has_the_data_is_kept(renderer: Renderer) -> None:
    """Uninstalling leaves the volumes, and the password without which one of them could not be read."""
    manifests = renderer.manifests({})
    (secret,) = manifests.of("Secret")
    assert "keep" == secret["metadata"]["annotations"]["helm.sh/resource-policy"]
    for item in manifests.of("StatefulSet"):
        assert item["spec"]["volumeClaimTemplates"]
        assert set(item["spec"].get("persistentVolumeClaimRetentionPolicy", {}).values()) <= {"Retain"}


def test_a_secret_of_the_user_is_used_and_none_made(renderer: Renderer) -> None:
    """With existingSecret the chart makes no Secret, and every reader reads that one."""
    values = {"postgresql": {"auth": {"existingSecret": "mine", "existingSecretKey": "pw"}}}
    manifests = renderer.manifests(values)
    assert [] == manifests.of("Secret")
    taken = {
        pod.where: variable["valueFrom"]["secretKeyRef"]
        for pod in manifests.pods()
        for container in pod.containers()
        for variable in container.variables
        if "PASSWORD" in variable["name"]
    }
    assert 3 == len(taken)
    assert all({"name": "mine", "key": "pw"} == each for each in taken.values())
