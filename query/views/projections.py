"""The versions of the projections that a build was made by, as databases keep them and people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from query.views.columns import DamagedBlobError


def encode(projections: Mapping[str, int]) -> str:
    """Their text in a build's row: a JSON object."""
    return json.dumps(dict(projections))


def decode(text: str) -> dict[str, int]:
    """The versions of a text, by name.

    Raises:
        DamagedBlobError: it has none.
    """
    try:
        versions = dict(json.loads(text))
    except (TypeError, ValueError) as error:
        raise DamagedBlobError("the versions of its projections are wrong") from error
    if not all(isinstance(version, int) for version in versions.values()):
        raise DamagedBlobError("the versions of its projections are wrong")
    return versions


def listed(projections: Mapping[str, int]) -> str:
    """Names and versions, for people."""
    return ", ".join(f"{name} {version}" for name, version in sorted(projections.items()))
