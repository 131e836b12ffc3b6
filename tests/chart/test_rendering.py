"""Every file of values that the chart comes with, over every check."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.chart import schemas
from tests.chart.budget import requested
from tests.chart.checks import complaints
from tests.chart.helm import Helm, Release
from tests.chart.quantity import parse_quantity
from tests.chart.rendering import CASES, CHART, Renderer, values_of

LONG = Release(name="a" * 53, namespace="n" * 63)
"""The longest name that Helm lets a release have."""


@pytest.mark.parametrize("case", CASES)
def test_lint_has_nothing_to_say(helm: Helm, case: str) -> None:
    """No warning and no error, with the rules of `--strict`."""
    assert [] == helm.lint(CHART, values_of(case))


@pytest.mark.parametrize("case", CASES)
def test_every_check_is_content(renderer: Renderer, case: str) -> None:
    """What points at something points at what is there, and everything is as safe as it should be."""
    assert [] == complaints(renderer.manifests(values_of(case)))


@pytest.mark.parametrize("case", CASES)
def test_the_longest_name_fits(renderer: Renderer, case: str) -> None:
    """All holds for a release whose name is as long as Helm lets it be, too."""
    assert [] == complaints(renderer.manifests(values_of(case), LONG))


@pytest.mark.parametrize("version", schemas.VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_the_schemas_of_kubernetes_agree(renderer: Renderer, case: str, version: str) -> None:
    """Rendered for a version, each manifest is what that version knows, with no field beside."""
    manifests = renderer.manifests(values_of(case), Release(kube_version=f"v{version}.0"))
    assert [] == [found for item in manifests.items for found in schemas.complaints(item, version)]


def test_defaults_fit_a_small_node(renderer: Renderer) -> None:
    """All pods together ask for no more than 2 CPUs and 4 GiB."""
    manifests = renderer.manifests({})
    assert requested(manifests, "cpu") <= 2
    assert requested(manifests, "memory") <= parse_quantity("4Gi")


def test_defaults_need_nothing_else(renderer: Renderer) -> None:
    """Only kinds that every cluster knows."""
    versions = {item["apiVersion"] for item in renderer.manifests({}).items}
    assert set() == {version for version in versions if "." in version.partition("/")[0]} - {
        "networking.k8s.io/v1"
    }


def test_the_package_is_whole(helm: Helm, tmp_path: Path) -> None:
    """The archive has chart, values, schema, templates and README, and renders what the folder renders."""
    archive = helm.package(CHART, tmp_path)
    with tarfile.open(archive) as file:
        names = {name.removeprefix("gputail/") for name in file.getnames()}
    assert {"Chart.yaml", "values.yaml", "values.schema.json", "README.md", "templates/NOTES.txt"} <= names
    values = {"views": {"store": "sqlite"}, "collector": {"replicas": 1}}
    assert helm.render(CHART, values) == helm.render(archive, values)
