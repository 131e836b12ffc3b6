"""What is read of `kubectl`'s answers; their shape is that of the Kubernetes API's core/v1."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kubernetes.cluster import forwarded_port
from tests.kubernetes.pods import claims_of, is_ready, name_of, ready_after_s, restart_count, uid_of


def pod(ready: str = "True", **metadata: str) -> dict[str, Any]:
    """A pod of two containers and two volumes."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gputail-broker-0", "uid": "6b1f0f5e", **metadata},
        "spec": {
            "volumes": [
                {"name": "log", "persistentVolumeClaim": {"claimName": "log-gputail-broker-0"}},
                {"name": "scratch", "emptyDir": {}},
            ]
        },
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-05T10:00:00Z"},
                {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-05T10:00:07Z"},
            ],
            "containerStatuses": [
                {"restartCount": 1, "state": {"running": {"startedAt": "2026-01-05T10:00:02Z"}}},
                {"restartCount": 2, "state": {"running": {"startedAt": "2026-01-05T10:00:04Z"}}},
            ],
        },
    }


def test_what_a_pod_is() -> None:
    """Name, uid, restarts of all containers, and the claims among its volumes."""
    found = (name_of(pod()), uid_of(pod()), restart_count(pod()), claims_of(pod()))
    assert ("gputail-broker-0", "6b1f0f5e", 3, ["log-gputail-broker-0"]) == found


def test_readiness_counts_from_the_last_container() -> None:
    """All containers run before a pod can be ready."""
    assert 3.0 == ready_after_s(pod())


def test_when_a_pod_is_ready() -> None:
    """Its condition says so; one that is being deleted is not, nor one of which nothing is known."""
    assert is_ready(pod())
    assert not is_ready(pod("False"))
    assert not is_ready(pod(deletionTimestamp="2026-01-05T10:01:00Z"))
    assert not is_ready({"metadata": {"name": "new"}, "status": {}})


def test_a_pod_that_is_not_ready_has_no_time() -> None:
    """Its name is told."""
    with pytest.raises(AssertionError, match="gputail-broker-0 is not ready"):
        ready_after_s(pod("False"))


def test_a_pod_that_has_not_started_is_read() -> None:
    """Nothing of it is known but what was asked for."""
    new = {"metadata": {"name": "new"}, "spec": {}, "status": {}}
    assert (0, []) == (restart_count(new), claims_of(new))


def test_the_port_that_was_taken() -> None:
    """It is in the first line of `kubectl port-forward`; another line is told."""
    assert 41233 == forwarded_port("Forwarding from 127.0.0.1:41233 -> 8080\n")
    with pytest.raises(AssertionError, match="kubectl port-forward says 'error"):
        forwarded_port("error: unable to forward port\n")
