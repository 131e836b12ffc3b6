"""What the checks stand on: quantities, YAML, variables, and the ways to Helm."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tests.chart import helm as ways
from tests.chart import schemas
from tests.chart.api_server import api_server
from tests.chart.environment import expanded, known_variables
from tests.chart.helm import BinaryHelm, Helm, HelmError, Release, SdkHelm, opened_helm
from tests.chart.manifests import parse, strings
from tests.chart.quantity import parse_quantity
from tests.chart.rendering import CHART

# --- Helm --------------------------------------------------------------------------------------

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "kept",
        "namespace": "telemetry",
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {
            "meta.helm.sh/release-name": "demo",
            "meta.helm.sh/release-namespace": "telemetry",
        },
    },
    "data": {"password": "a2VwdA=="},
}
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  kube: {{ .Capabilities.KubeVersion.Version }}
  upgrade: {{ .Release.IsUpgrade | quote }}
  found: {{ dig "data" "password" "none" (lookup "v1" "Secret" .Release.Namespace "kept" | default dict) }}
  number: {{ required "number is wanted" .Values.number | quote }}
"""
DEPRECATED = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: old}\n"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A chart that tells what it is rendered with."""
    chart = tmp_path / "small"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.2.3\n")
    (chart / "values.yaml").write_text("number: 1\n")
    (chart / "templates" / "all.yaml").write_text(TEMPLATE)
    (chart / "templates" / "NOTES.txt").write_text("{{ .Release.Name }} in {{ .Release.Namespace }}\n")
    return chart


def check_helm(helm: Helm, chart: Path) -> None:
    """What every way to Helm does."""
    rendered = helm.render(chart, {"number": 7}, Release(is_upgrade=True, kube_version="v1.29.4"))
    (item,) = parse(rendered.manifests)
    assert {"kube": "v1.29.4", "upgrade": "true", "found": "none", "number": "7"} == item["data"]
    assert "demo in telemetry" == rendered.notes.strip()
    with api_server(SECRET) as server:
        (item,) = parse(helm.render(chart, {}, apiserver=server).manifests)
        assert "a2VwdA==" == item["data"]["found"]
    with pytest.raises(HelmError, match="number is wanted"):
        helm.render(chart, {"number": None})
    assert [] == helm.lint(chart, {})
    assert "small-1.2.3.tgz" == helm.package(chart, chart.parent).name
    assert (chart.parent / "small-1.2.3.tgz").is_file()
    (chart / "templates" / "old.yaml").write_text(DEPRECATED)
    assert "is deprecated" in "".join(helm.lint(chart, {}))
    (chart / "templates" / "wrong.yaml").write_text("a: {{ nobody }}\n")
    assert 'function "nobody" not defined' in "".join(helm.lint(chart, {}))


def test_the_way_that_is_taken(helm: Helm, small: Path) -> None:
    """It renders, asks a cluster, refuses, lints and packs."""
    check_helm(helm, small)


def test_a_program_does_the_same(small: Path) -> None:
    """Where a `helm` is installed, it could stand in for the SDK."""
    if ways.BINARY is not None:
        check_helm(BinaryHelm(ways.BINARY), small)


def test_without_the_sdk_a_program_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without one there is nothing, so that the tests skip, or fail where none may."""
    monkeypatch.setattr(ways, "HAS_SDK", False)
    monkeypatch.setattr(ways, "BINARY", "/usr/bin/helm")
    with opened_helm() as helm:
        assert isinstance(helm, BinaryHelm)
    monkeypatch.setattr(ways, "BINARY", None)
    with opened_helm() as helm:
        assert helm is None


def test_the_sdk_goes_first(helm: Helm) -> None:
    """It is of one version everywhere."""
    assert not ways.HAS_SDK or isinstance(helm, SdkHelm)


def test_the_oldest_version_is_that_of_the_chart() -> None:
    """What Chart.yaml promises is what is tried."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert f">={schemas.VERSIONS[0]}.0-0" == chart["kubeVersion"]


# --- texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500m", "0.5"), ("2", "2"), (3, "3"), (0.5, "0.5"), ("1.5", "1.5"), ("1k", "1000"), ("1Ki", "1024"),
        ("2Mi", "2097152"), ("1G", "1000000000"), ("1Gi", "1073741824"), ("1e3", "1000"), ("1E3", "1000"),
        ("12E", "12000000000000000000"), (".5", "0.5"), ("-1", "-1"), ("100n", "0.0000001"),
    ],
)  # fmt: skip
def test_quantities_are_read(text: str | float, expected: str) -> None:
    """Decimal and binary suffixes, and exponents."""
    assert Decimal(expected) == parse_quantity(text)


@pytest.mark.parametrize("text", ["", "1GB", "1 Gi", "1gi", "1ki", "m", "1K", "1Mi5", "1e", "0x10", "1,5"])
def test_other_texts_are_no_quantities(text: str) -> None:
    """Each of these an API server refuses."""
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(text)


def test_a_key_stands_once() -> None:
    """YAML that says a thing twice is refused; empty documents are left out."""
    assert [{"a": {"b": [1]}}, {"c": "x"}] == parse("a: {b: [1]}\n---\n---\n# nothing\n---\nc: x\n")
    with pytest.raises(yaml.YAMLError, match="twice: \\['a'\\]"):
        parse("x:\n  a: 1\n  b: 2\n  a: 3\n")


def test_strings_of_values_are_found_at_any_depth() -> None:
    """In mappings and lists."""
    assert {"x", "y"} == strings({"a": [{"b": "x"}, 3], "c": {"d": {"e": "y"}}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$(A)-$(B)", "1-$(B)"), ("$$(A)", "$(A)"), ("$A", "$A"), ("cost $$5", "cost $5"), ("$(A", "$(A")],
)
def test_variables_are_replaced_as_a_kubelet_does(text: str, expected: str) -> None:
    """Known ones only; two dollars are one."""
    assert expected == expanded(text, {"A": "1"})


def test_options_have_variables() -> None:
    """Each verb knows its own."""
    assert {"GPUTAIL_DATA_DIR", "GPUTAIL_CONFIG", "GPUTAIL_ADVERTISE"} <= known_variables("broker")
    assert "GPUTAIL_DATA_DIR" not in known_variables("serve")
