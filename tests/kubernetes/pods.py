"""Reading what `kubectl get pods --output json` says. Times are those of the cluster, in whole seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Pod = Mapping[str, Any]


def name_of(pod: Pod) -> str:
    """The pod's name."""
    return str(pod["metadata"]["name"])


def uid_of(pod: Pod) -> str:
    """What tells it from a later pod of its name."""
    return str(pod["metadata"]["uid"])


def is_ready(pod: Pod) -> bool:
    """Whether it is sent requests; one that is being deleted is not."""
    return "deletionTimestamp" not in pod["metadata"] and _ready_since(pod) is not None


def restart_count(pod: Pod) -> int:
    """How often its containers were started again."""
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def ready_after_s(pod: Pod) -> float:
    """From the start of its last container to its readiness, in seconds."""
    since = _ready_since(pod)
    assert since is not None, f"{name_of(pod)} is not ready"
    started = [
        datetime.fromisoformat(status["state"]["running"]["startedAt"])
        for status in pod["status"]["containerStatuses"]
    ]
    return (since - max(started)).total_seconds()


def claims_of(pod: Pod) -> list[str]:
    """The names of the volume claims that it mounts."""
    volumes = pod["spec"].get("volumes", [])
    return [each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each]


def _ready_since(pod: Pod) -> datetime | None:
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None
