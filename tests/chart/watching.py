"""Checks of what watches from outside: alerts know our metrics, KEDA knows our group."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ingest.topics import COLLECTORS, TELEMETRY
from tests.chart.manifests import Manifests, called
from tests.documents import ROOT, rows

OF_PROMETHEUS = {"namespace", "service", "pod", "container", "endpoint", "instance", "job", "le"}
HEADER = "| metric | type | labels | meaning |"


@cache
def metrics() -> dict[str, frozenset[str]]:
    """Labels by series' name, of docs/metrics.md; a histogram is three series."""
    found: dict[str, frozenset[str]] = {}
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for part in re.split(r"^## ", page, flags=re.MULTILINE):
        if HEADER in part:
            for name, kind, labels, _ in rows(part, HEADER):
                ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
                for end in ends:
                    found[name.strip("`") + end] = frozenset(re.findall(r"`(\w+)`", labels))
    return found


def alerts_know_metrics(manifests: Manifests) -> Iterator[str]:
    """Each series of ours in a rule is one that a process has, and so are its labels."""
    for item in manifests.of("PrometheusRule"):
        for group in item["spec"]["groups"]:
            for rule in group["rules"]:
                where = f"{called(item)}: {rule.get('alert', rule.get('record'))}"
                yield from (f"{where}: {complaint}" for complaint in _expression(rule["expr"]))
                if "alert" in rule and not {"summary", "description"} & set(rule.get("annotations", {})):
                    yield f"{where}: says nothing to whom it wakes"


def _expression(text: str) -> Iterator[str]:
    names = re.findall(r"\bgputail_\w+", text)
    if not names:
        yield "looks at no metric of ours"
    for name in names:
        if name not in metrics():
            yield f"{name} is no metric of ours"
    for name, matchers in re.findall(r"\b(gputail_\w+)\{([^}]*)\}", text):
        for label in re.findall(r"(\w+)\s*[=!]~?", matchers):
            if label not in metrics().get(name, frozenset()) | OF_PROMETHEUS:
                yield f"{name} has no label {label}"
    labels = frozenset().union(OF_PROMETHEUS, *(metrics().get(name, frozenset()) for name in names))
    for by in re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", text):
        for label in re.findall(r"\w+", by):
            if label not in labels:
                yield f"nothing in it has a label {label}"


def lag_is_ours(manifests: Manifests) -> Iterator[str]:
    """KEDA asks our broker's Service for the lag of our group on our topic."""
    for item in manifests.of("ScaledObject"):
        for trigger in item["spec"]["triggers"]:
            about = trigger["metadata"]
            if trigger["type"] != "kafka":
                continue
            host, _, port = about["bootstrapServers"].rpartition(":")
            service = manifests.find("Service", host.partition(".")[0])
            ports = [] if service is None else [each["port"] for each in service["spec"]["ports"]]
            if int(port) not in ports and about["bootstrapServers"] not in manifests.known:
                yield f"{called(item)}: {about['bootstrapServers']} is no port of a Service"
            if about["consumerGroup"] != COLLECTORS:
                yield f"{called(item)}: the group of the collectors is {COLLECTORS}"
            if about["topic"] != TELEMETRY:
                yield f"{called(item)}: the topic is {TELEMETRY}"
            for key, value in about.items():
                if not isinstance(value, str):
                    yield f"{called(item)}: {key} is no text: {value!r}"
