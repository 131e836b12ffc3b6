"""What the system test and the documents take for granted of the chart: names, labels, ports, settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.chart.budget import requested
from tests.chart.helm import Release as Installed
from tests.chart.helm import opened_helm
from tests.chart.manifests import Manifests
from tests.chart.quantity import parse_quantity
from tests.documents import ROOT
from tests.kubernetes.release import CHANGES, KINDS, MANY, NAME, PASS_S

pytestmark = pytest.mark.untraced

CHART = ROOT / "helm" / "gputail"
VALUES = CHART / "ci" / "kind-values.yaml"
RELEASE = Installed(name=NAME)
KIND_CPU, KIND_MEMORY = "950m", "290Mi"
"""What the pods of a new cluster of one node ask for: control plane, two CoreDNS, network, storage."""


Objects = dict[tuple[str, str], dict[str, Any]]
"""By kind and name."""


@pytest.fixture(scope="module")
def installed() -> Iterator[Callable[..., Objects]]:
    """Tells what is installed with the values for kind, the interval of the system test, and others."""
    with opened_helm() as helm:
        if helm is None:
            pytest.skip("there is neither helm-python-sdk nor a helm program: pip install helm-python-sdk")
        values: dict[str, Any] = yaml.safe_load(VALUES.read_text(encoding="utf-8"))

        def render(**others: Any) -> Objects:
            told = helm.render(CHART, {**values, "streamer": {"interval": PASS_S}, **others}, RELEASE)
            documents = [each for each in yaml.safe_load_all(told.manifests) if each]
            return {(each["kind"].lower(), each["metadata"]["name"]): each for each in documents}

        yield render


@pytest.fixture(scope="module")
def objects(installed: Callable[..., Objects]) -> Objects:
    """What is installed at first."""
    return installed()


@pytest.mark.parametrize(("component", "kind"), KINDS.items())
def test_each_component_is_found(objects: Objects, component: str, kind: str) -> None:
    """By its name, to be scaled, and by the labels of its pods, to be looked at; there is one at first."""
    spec = objects[kind, f"{NAME}-{component}"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    found = labels["app.kubernetes.io/instance"], labels["app.kubernetes.io/component"]
    assert (NAME, component, 1) == (*found, spec["replicas"])


def test_the_api_is_reached_by_its_service(objects: Objects) -> None:
    """Port 80 of the Service leads to the API's pods."""
    spec = objects["service", f"{NAME}-api"]["spec"]
    assert [80] == [port["port"] for port in spec["ports"]]
    assert "api" == spec["selector"]["app.kubernetes.io/component"]


def test_the_log_is_on_a_claim_that_stays(objects: Objects) -> None:
    """The claim is not the release's to delete, and is mounted where the image has its data directory."""
    spec = objects["statefulset", f"{NAME}-broker"]["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    (container,) = spec["template"]["spec"]["containers"]
    assert "Retain" == spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"]
    assert {"name": claim["metadata"]["name"], "mountPath": "/data"} in container["volumeMounts"]
    assert "GPUTAIL_DATA_DIR=/data" in (ROOT / "Dockerfile").read_text(encoding="utf-8").split()


def test_a_pass_takes_its_time(objects: Objects) -> None:
    """The interval of the system test reaches the streamer."""
    assert str(PASS_S) == objects["configmap", f"{NAME}-streamer"]["data"]["GPUTAIL_INTERVAL"]


@pytest.mark.parametrize("count", [1, MANY])
def test_it_fits_a_node_of_kind(installed: Callable[..., Objects], count: int) -> None:
    """2 CPUs and 4 GiB have room for what kind runs itself, and for ten streamers and ten collectors."""
    of_each = {"replicas": count}
    objects = installed(streamer={"interval": PASS_S, **of_each}, collector=of_each)
    manifests = Manifests(list(objects.values()))
    assert requested(manifests, "cpu") + parse_quantity(KIND_CPU) <= 2
    assert requested(manifests, "memory") + parse_quantity(KIND_MEMORY) <= parse_quantity("4Gi")


def test_the_upgrade_replaces_every_pod(installed: Callable[..., Objects], objects: Objects) -> None:
    """Each component's pods are made otherwise with the values that it changes."""
    values: dict[str, Any] = {}
    for key, value in CHANGES.items():
        *path, last = key.split(".")
        part = values
        for name in path:
            part = part.setdefault(name, {})
        part[last] = value
    others = installed(**values)
    for component, kind in KINDS.items():
        before, after = (each[kind, f"{NAME}-{component}"] for each in (objects, others))
        assert before["spec"]["template"] != after["spec"]["template"], component


@pytest.mark.parametrize("document", ["README.md", "docs/kubernetes.md", "Makefile"])
def test_what_the_documents_name_is_installed(objects: Objects, document: str) -> None:
    """Each `deployment/…`, `statefulset/…` and `service/…` of a command, and each pod and claim of a set."""
    text = (ROOT / document).read_text(encoding="utf-8").replace("$(RELEASE)", NAME)
    named = set(re.findall(rf"(deployment|statefulset|service)/({NAME}-[a-z]+)", text))
    assert named
    assert set() == named - objects.keys()

    sets = {name: each["spec"] for (kind, name), each in objects.items() if kind == "statefulset"}
    claims = {
        f"{claim['metadata']['name']}-{name}-0"
        for name, spec in sets.items()
        for claim in spec["volumeClaimTemplates"]
    }
    said = set(re.findall(rf"\b(?:[a-z]+-)?{NAME}-[a-z]+-0\b", text))
    assert set() == said - claims - {f"{name}-0" for name in sets}


def test_the_steps_are_those_of_make() -> None:
    """What is typed by hand in the plan is what `make kind-up` runs, but for names that it lets be chosen."""
    plan = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(KIND_CLUSTER)", NAME)
    for step in (
        f"kind create cluster --name {NAME} --config helm/kind/cluster.yaml --wait 180s",
        "--values helm/gputail/ci/kind-values.yaml",
        "--create-namespace",
        "--wait --timeout 5m",
    ):
        assert step in plan
        assert step in makefile
