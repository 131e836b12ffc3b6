"""Metrics as a scrape and as docs/metrics.md describe them."""

from __future__ import annotations

import re
import sys

import attrs

from tests.documents import ROOT, rows

DOC = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
HEADER = "| metric | type | labels | meaning |"


@attrs.frozen
class Described:
    """One metric, as a document or a scrape describes it."""

    kind: str
    labels: frozenset[str]
    meaning: str


def described(text: str) -> dict[str, Described]:
    """Each metric of a scrape, with the labels of its samples but for a histogram's own."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    meanings = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE))
    found = {}
    for name, kind in kinds.items():
        suffix = "(_bucket|_count|_sum)" if kind == "histogram" else ""
        labels = re.findall(rf"^{name}{suffix}(?:\{{(.*)\}})? ", text, re.MULTILINE)
        assert labels, f"{name} has no sample"
        last = labels[-1][-1] if suffix else labels[-1]
        found[name] = Described(kind, frozenset(re.findall(r'(\w+)="', last)) - {"le"}, meanings[name])
    return found


def documented(prefix: str) -> dict[str, Described]:
    """Each metric of the document whose name begins so, and those that every process has on this system."""
    found = {}
    wanted = (prefix, "process_") if sys.platform == "linux" else (prefix,)
    for part in DOC.split("\n## ")[1:]:
        for name, kind, labels, meaning in rows(part, HEADER):
            if name.strip("`").startswith(wanted):
                found[name.strip("`")] = Described(kind, frozenset(re.findall(r"`(\w+)`", labels)), meaning)
    return found
