"""Checks of what the pods ask of a node."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.chart.manifests import Manifests, Pod
from tests.chart.quantity import parse_quantity

KINDS = ("cpu", "memory")


def requests_are_said(manifests: Manifests) -> Iterator[str]:
    """Each container says what it needs and how much memory it may take: no less than it needs."""
    for pod in manifests.pods():
        for container in pod.containers():
            resources = container.spec.get("resources", {})
            requests, limits = resources.get("requests", {}), resources.get("limits", {})
            for kind in KINDS:
                if kind not in requests:
                    yield f"{container.where}: requests no {kind}"
                elif kind in limits and parse_quantity(limits[kind]) < parse_quantity(requests[kind]):
                    yield f"{container.where}: its limit of {kind} is below its request"
            if "memory" not in limits:
                yield f"{container.where}: has no limit of memory"


def requested(manifests: Manifests, kind: str) -> Decimal:
    """What all pods ask for, in cores or bytes, times their replicas; hooks of tests left out."""
    return sum((_pod(pod, kind) * pod.replicas for pod in manifests.pods() if pod.kind != "Pod"), Decimal(0))


def _pod(pod: Pod, kind: str) -> Decimal:
    """The larger one of what its containers ask for together, and of what begins it."""
    staying, beginning = Decimal(0), Decimal(0)
    for container in pod.containers():
        amount = parse_quantity(container.spec.get("resources", {}).get("requests", {}).get(kind, 0))
        if container.is_init:
            beginning = max(beginning, amount)
        else:
            staying += amount
    return max(staying, beginning)
