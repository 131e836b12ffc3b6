"""Checks of names, labels, quantities and durations: what an API server refuses, and schemas let pass."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.chart.manifests import Manifests, called
from tests.chart.quantity import parse_quantity

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DNS_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SERVICE_NAME = re.compile(r"(?=.{1,63}$)[a-z]([-a-z0-9]*[a-z0-9])?")
PORT_NAME = re.compile(r"(?=.{1,15}$)(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
LABEL_KEY_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")

STATEFUL_SET_CHARS_MAX = 63 - len("-0123456789")
"""A StatefulSet labels its pods with its name and the hash of a revision."""


def unique_names(manifests: Manifests) -> Iterator[str]:
    """No two of one kind share a name."""
    for (kind, name), count in Counter(
        (item["kind"], item["metadata"]["name"]) for item in manifests.items
    ).items():
        if count > 1:
            yield f"{kind}/{name} is there {count} times"


def valid_names(manifests: Manifests) -> Iterator[str]:
    """Names of things, containers, ports, volumes, variables and keys are of the form that is wanted."""
    for item in manifests.items:
        name = item["metadata"]["name"]
        form = SERVICE_NAME if item["kind"] == "Service" else DNS_SUBDOMAIN
        if item["kind"] in {"Deployment", "StatefulSet", "Job", "Pod"}:
            form = DNS_LABEL
        if not form.fullmatch(name):
            yield f"{called(item)}: the name is none of a {item['kind']}"
        if item["kind"] == "StatefulSet" and len(name) > STATEFUL_SET_CHARS_MAX:
            yield f"{called(item)}: the name is too long for the label of its pods' revision"
        for key in (*item.get("data", {}), *item.get("stringData", {})):
            if not DATA_KEY.fullmatch(key):
                yield f"{called(item)}: {key!r} is no key"
    for pod in manifests.pods():
        for container in pod.containers():
            yield from _wrong(DNS_LABEL, [container.spec["name"]], f"{container.where}: container")
            named = [port["name"] for port in container.spec.get("ports", ()) if "name" in port]
            yield from _wrong(PORT_NAME, named, f"{container.where}: port")
            variables = [variable["name"] for variable in container.variables]
            yield from _wrong(ENV_NAME, variables, f"{container.where}: variable")
            yield from _twice(variables, f"{container.where}: variable")
            yield from _twice(named, f"{container.where}: port")
        names = [volume["name"] for volume in pod.spec.get("volumes", ())]
        yield from _wrong(DNS_LABEL, names, f"{pod.where}: volume")
        yield from _twice(names, f"{pod.where}: volume")
        yield from _twice([each.spec["name"] for each in pod.containers()], f"{pod.where}: container")


def valid_labels(manifests: Manifests) -> Iterator[str]:
    """Keys and values of labels; annotations are text."""
    for item in manifests.items:
        for where, value in _walk(item):
            if where.endswith((".labels", ".matchLabels", ".nodeSelector")) and isinstance(value, dict):
                for key, text in value.items():
                    prefix, _, name = key.rpartition("/")
                    if not LABEL_KEY_NAME.fullmatch(name) or (prefix and not DNS_SUBDOMAIN.fullmatch(prefix)):
                        yield f"{called(item)}{where}: {key!r} is no key of a label"
                    if not isinstance(text, str) or not LABEL_VALUE.fullmatch(text):
                        yield f"{called(item)}{where}.{key}: {text!r} is no value of a label"
            elif where.endswith(".annotations") and isinstance(value, dict):
                for key, text in value.items():
                    if not isinstance(text, str):
                        yield f"{called(item)}{where}.{key}: {text!r} is no text"


def quantities(manifests: Manifests) -> Iterator[str]:
    """Resources, sizes and limits parse."""
    for item in manifests.items:
        for where, value in _walk(item):
            if re.search(r"\.(requests|limits)\.[^.]+$|\.(sizeLimit|averageValue)$", where):
                try:
                    parse_quantity(value)
                except ValueError as error:
                    yield f"{called(item)}{where}: {error}"


def _walk(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Each value at any depth, with its path; a map of labels is one value."""
    yield where, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _walk(part, f"{where}.{key}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _walk(part, f"{where}[{number}]")


def _wrong(form: re.Pattern[str], names: list[str], where: str) -> Iterator[str]:
    for name in names:
        if not form.fullmatch(name):
            yield f"{where} {name!r} is not of the form that is wanted"


def _twice(names: list[str], where: str) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{where} {name!r} is there {count} times"
