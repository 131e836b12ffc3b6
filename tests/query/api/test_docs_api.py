"""docs/api.md keeps pace with the API: its paths, problems, limits."""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from query.api import problems
from query.api.document import openapi_document
from query.api.settings import ApiSettings

TEXT = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_path_has_its_row() -> None:
    """Those of the document, and no other."""
    assert set(openapi_document()["paths"]) == set(re.findall(r"^\| `(/[^`]*)` \|", TEXT, re.MULTILINE))


def test_every_limit_has_its_row_with_its_default() -> None:
    """In the order of the settings."""
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \|", TEXT, re.MULTILINE)
    settings = ApiSettings()
    expected = [(field.name, getattr(settings, field.name)) for field in attrs.fields(ApiSettings)]
    assert [(name, "none" if value is None else str(value)) for name, value in expected] == rows


def test_every_kind_of_problem_has_its_row() -> None:
    """With its status."""
    kinds = [one for one in vars(problems).values() if isinstance(one, problems.ProblemKind)]
    rows = set(re.findall(r"^\| (\d+) \| `urn:gputail:problem:([\w-]+)`", TEXT, re.MULTILINE))
    assert {(str(int(kind.status)), kind.name) for kind in kinds} == rows


def test_every_declared_status_has_its_row() -> None:
    """And no other."""
    told = {
        status for row in re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE) for status in row.split(", ")
    }
    declared = {
        status
        for item in openapi_document()["paths"].values()
        for operation in item.values()
        for status in operation["responses"]
    }
    assert declared - {"200"} == told
