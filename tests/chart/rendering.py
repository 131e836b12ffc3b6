"""The chart of this repository, and what it makes of each of its files of values."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.chart.helm import DEMO, Helm, Release, Rendered, Values
from tests.chart.manifests import Manifests, parse, strings
from tests.documents import ROOT

CHART = ROOT / "helm" / "gputail"
DEFAULTS = "defaults"
FILES = {path.name: path for path in sorted((CHART / "ci").glob("*.yaml"))}
CASES = [DEFAULTS, *FILES]
"""Values to render with: none, and each file of the chart's ci folder."""


def values_of(case: str) -> dict[str, Any]:
    """What a case sets."""
    if case == DEFAULTS:
        return {}
    found: dict[str, Any] = yaml.safe_load(FILES[case].read_text(encoding="utf-8")) or {}
    return found


class Renderer:
    """Renders the chart; asks Helm once for the same."""

    def __init__(self, helm: Helm) -> None:
        self._helm = helm
        self._rendered: dict[tuple[str, Release], Rendered] = {}
        self._parsed: dict[tuple[str, Release], str] = {}

    def rendered(self, values: Values, release: Release = DEMO) -> Rendered:
        """Manifests as text, and notes; raises HelmError where Helm refuses."""
        key = json.dumps(values, sort_keys=True), release
        if key not in self._rendered:
            self._rendered[key] = self._helm.render(CHART, values, release)
        return self._rendered[key]

    def manifests(self, values: Values, release: Release = DEMO) -> Manifests:
        """Manifests that a test may change; JSON is many times faster to read than YAML."""
        key = json.dumps(values, sort_keys=True), release
        if key not in self._parsed:
            self._parsed[key] = json.dumps(parse(self.rendered(values, release).manifests))
        return Manifests(json.loads(self._parsed[key]), strings(values))
