"""Checks of the probes: three questions with three meanings, and time to stop in."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chart.manifests import Container, Manifest, Manifests, Pod

LIVE, READY = "/health/live", "/health/ready"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
STARTUP_S_MIN = 300
"""For recovery of a large log that was not closed in order."""
GRACE_S_MIN = 60


def ours(manifests: Manifests) -> Iterator[tuple[Pod, Container]]:
    """Containers that stay, of pods that stay, with one of our verbs as first argument."""
    for pod in manifests.pods():
        if pod.kind in {"Deployment", "StatefulSet"}:
            for container in pod.containers():
                if not container.is_init and verb(container) is not None:
                    yield pod, container


def verb(container: Container) -> str | None:
    """The first argument, where the program is `gputail`."""
    words = [*container.spec.get("command", ()), *container.spec.get("args", ())]
    return words[1] if words[:1] == ["gputail"] and len(words) > 1 else None


def three_probes(manifests: Manifests) -> Iterator[str]:
    """Alive is not ready: a full disk or a long recovery restarts nothing."""
    for pod in manifests.pods():
        if pod.kind in {"Deployment", "StatefulSet"}:
            for container in pod.containers():
                if not container.is_init:
                    for name in PROBES:
                        if name not in container.spec:
                            yield f"{container.where}: has no {name}"
    for _, container in ours(manifests):
        paths = [container.spec.get(name, {}).get("httpGet", {}).get("path") for name in PROBES]
        if paths[1] != LIVE:
            yield f"{container.where}: livenessProbe asks {paths[1]}, and not {LIVE}"
        if paths[2] != READY:
            yield f"{container.where}: readinessProbe asks {paths[2]}, and not {READY}"
        if paths[0] not in {LIVE, READY}:
            yield f"{container.where}: startupProbe asks {paths[0]}"
        startup = container.spec.get("startupProbe", {})
        if verb(container) == "broker" and patience_s(startup) < STARTUP_S_MIN:
            yield f"{container.where}: startupProbe waits {patience_s(startup)} s for recovery"


def patience_s(probe: Manifest) -> int:
    """Seconds of failures that it takes to act, by Kubernetes' defaults."""
    found: int = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
    return found


def time_to_stop(manifests: Manifests) -> Iterator[str]:
    """A pod has a minute to end in order; no hook needs a shell, which our image does not have."""
    for pod, container in ours(manifests):
        grace_s = pod.spec.get("terminationGracePeriodSeconds", 30)
        if grace_s < GRACE_S_MIN:
            yield f"{pod.where}: has {grace_s} s to stop"
        hook = container.spec.get("lifecycle", {}).get("preStop")
        words = [] if hook is None else hook.get("exec", {}).get("command", [])
        if words and words[0] != "gputail":
            yield f"{container.where}: preStop runs {words[0]!r}, which the image does not have"


def one_claim_one_writer(manifests: Manifests) -> Iterator[str]:
    """Pods that share a claim which one node mounts are replaced, never doubled, by an upgrade."""
    for item in manifests.of("Deployment"):
        volumes = item["spec"]["template"]["spec"].get("volumes", ())
        writable = [
            each
            for each in volumes
            if "persistentVolumeClaim" in each and not each["persistentVolumeClaim"].get("readOnly")
        ]
        if writable and item["spec"].get("strategy", {}).get("type") != "Recreate":
            yield f"Deployment/{item['metadata']['name']}: two pods would have one volume during an upgrade"
