"""Manifests against the schemas of Kubernetes, strictly: an unknown field is an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import kubernetes_validate
from jsonschema import Draft202012Validator
from kubernetes_validate import utils

from tests.chart.custom_schemas import SPECS
from tests.chart.manifests import Manifest, called

VERSIONS = ("1.27", "1.32", "1.37")
"""The oldest that the chart takes, one in between, the newest that the package ships; all are inside it."""

_contents = cache(utils.schema_contents)
"""The package reads two megabytes of definitions for each manifest; here once for each version."""

_FINE: set[tuple[str, str]] = set()
"""What was found to be right, by version and text: values files have most manifests in common."""


def complaints(item: Manifest, version: str) -> Iterator[str]:
    """What the schema of that version says against it."""
    text = json.dumps(item, sort_keys=True)
    if (version, text) in _FINE:
        return
    own = SPECS.get((item["apiVersion"], item["kind"]))
    if own is not None:
        for error in Draft202012Validator(own).iter_errors(item["spec"]):
            yield f"{called(item)}: {error.json_path}: {error.message}"
        return
    try:
        with patch.object(utils, "schema_contents", _contents):
            kubernetes_validate.validate(item, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path)
        yield f"{called(item)}: Kubernetes {version}: {place}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        yield f"{called(item)}: {error.message}"
    else:
        _FINE.add((version, text))
