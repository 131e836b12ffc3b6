"""The chart's own page, and what it says of itself: values, defaults and the version of the program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

import gputail
from tests.chart.rendering import CHART
from tests.documents import rows

OF_EACH_POD = {
    "resources", "extraEnv", "extraVolumes", "extraVolumeMounts", "podAnnotations", "podLabels",
    "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName",
}  # fmt: skip
"""Told of once for every process."""
PROCESSES = ("broker", "streamer", "collector", "api", "postgresql")
IN_WORDS = {"persistence", "podSecurityContext", "containerSecurityContext", "hosts"}
"""Mappings and lists whose default stands in words."""
HEADER = "| value | default | |"


def documented() -> dict[str, str]:
    """Value and default, as both tables of the page have them."""
    page = (CHART / "README.md").read_text(encoding="utf-8")
    tables = [HEADER + part for part in page.split(HEADER)[1:]]
    values, persistence = ({row[0].strip("`"): row[1] for row in rows(table, HEADER)} for table in tables)
    return values | {f"persistence.{name}": default for name, default in persistence.items()}


def defaults(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each value of values.yaml with its default, as the page should have them."""
    for name, value in values.items():
        path = f"{prefix}{name}"
        if name in OF_EACH_POD and prefix.rstrip(".") in PROCESSES:
            continue
        if name in IN_WORDS:
            yield path, "in words"
        elif isinstance(value, dict) and value:
            yield from defaults(value, f"{path}.")
        else:
            text = value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True)
            yield path, f"`{text.splitlines()[0]}`" if text else ""


def values_yaml() -> dict[str, Any]:
    """The defaults."""
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    return found


def test_the_page_has_each_value_with_its_default() -> None:
    """No value is missing there, none is made up, and the defaults are those of values.yaml."""
    values = values_yaml()
    expected = dict(defaults(values))
    claim = values["broker"]["persistence"]
    assert claim == values["postgresql"]["persistence"] == values["views"]["sqlite"]["persistence"]
    expected |= dict(defaults(claim, "persistence."))
    found = documented()
    assert expected.keys() == found.keys()
    told = {path: default for path, default in found.items() if expected[path] != "in words"}
    assert {path: expected[path] for path in told} == told


def test_every_pod_has_what_the_page_says_of_each() -> None:
    """The values that are named once for all are those of every process."""
    values = values_yaml()
    page = (CHART / "README.md").read_text(encoding="utf-8")
    for process in PROCESSES:
        assert values[process].keys() >= OF_EACH_POD
    assert all(f"`{name}`" in page for name in OF_EACH_POD)


def test_the_chart_is_of_this_version() -> None:
    """By default it runs the image that this tree builds."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert gputail.__version__ == about["appVersion"]
