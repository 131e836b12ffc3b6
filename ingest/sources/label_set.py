r"""A Prometheus label set as text: `name="text",…`, with `\\`, `\"` and `\n` for what a text may not hold.

The format is that of the Prometheus text exposition, without the braces; a comma at the end is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ingest.telemetry.fields import shorten

_LABEL = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\["\\n])*)"\s*(?:,|\Z)', re.ASCII)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}


def parse_label_set(text: str) -> dict[str, str]:
    """The labels by name.

    Raises:
        ValueError: it is no label set, or names a label twice; the message is the reason.
    """
    labels: dict[str, str] = {}
    position = 0
    while text[position:].strip():
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError(f"the labels cannot be read from {shorten(text[position:])} on")
        name, value = match.groups()
        if name in labels:
            raise ValueError(f"the label {name} is there twice")
        labels[name] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        position = match.end()
    return labels


def format_label_set(labels: Mapping[str, str]) -> str:
    """The labels as text, in the order of their names."""
    return ",".join(f'{name}="{_escape(text)}"' for name, text in sorted(labels.items()))


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPED[match[1]]


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
