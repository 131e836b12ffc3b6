"""Checks of rules between fields, which an API server has and schemas cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chart.manifests import Manifests, called
from tests.chart.probing import PROBES

EXPOSED = {"NodePort", "LoadBalancer"}


def node_ports(manifests: Manifests) -> Iterator[str]:
    """Only a Service that is open to nodes has a port on them; several ports have names."""
    for item in manifests.of("Service"):
        kind = item["spec"].get("type", "ClusterIP")
        for port in item["spec"]["ports"]:
            node_port = port.get("nodePort")
            if node_port is not None and kind not in EXPOSED:
                yield f"{called(item)}: a {kind} has no nodePort"
        names = [port.get("name") for port in item["spec"]["ports"]]
        numbers = [port["port"] for port in item["spec"]["ports"]]
        if len(names) > 1 and (None in names or len(set(names)) < len(names)):
            yield f"{called(item)}: several ports need a name each: {names}"
        if len(set(numbers)) < len(numbers) or not all(0 < number < 65536 for number in numbers):
            yield f"{called(item)}: ports {numbers}"


def probes_are_possible(manifests: Manifests) -> Iterator[str]:
    """Counts and times are positive, and one success is enough where more make no sense."""
    for pod in manifests.pods():
        for container in pod.containers():
            for name in PROBES:
                probe = container.spec.get(name, {})
                for key in ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold"):
                    if probe.get(key, 1) < 1:
                        yield f"{container.where}: {name}.{key} is {probe[key]}"
                if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
                    yield f"{container.where}: {name}.successThreshold has to be 1"
                if probe and len({"exec", "grpc", "httpGet", "tcpSocket"} & set(probe)) != 1:
                    yield f"{container.where}: {name} asks in no way, or in several"


def stops_in_time(manifests: Manifests) -> Iterator[str]:
    """What a pod sleeps before it stops is a part of the time that it has for that."""
    for pod in manifests.pods():
        grace_s = pod.spec.get("terminationGracePeriodSeconds", 30)
        for container in pod.containers():
            sleep_s = container.spec.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds")
            if sleep_s is not None and not 0 < sleep_s < grace_s:
                yield f"{container.where}: sleeps {sleep_s} s of the {grace_s} s that it has to stop"


def one_way_to_update(manifests: Manifests) -> Iterator[str]:
    """Settings of a rolling update go with one, and it can make a step; a budget says one thing."""
    for item in manifests.of("Deployment"):
        strategy = item["spec"].get("strategy", {})
        rolling = strategy.get("rollingUpdate")
        if strategy.get("type") == "Recreate" and rolling is not None:
            yield f"{called(item)}: Recreate has no rollingUpdate"
        if rolling is not None and {rolling.get("maxSurge", 1), rolling.get("maxUnavailable", 1)} == {0}:
            yield f"{called(item)}: a rolling update could not make a step"
    for item in manifests.of("PodDisruptionBudget"):
        if len({"minAvailable", "maxUnavailable"} & set(item["spec"])) != 1:
            yield f"{called(item)}: wants one of minAvailable and maxUnavailable"
    for item in manifests.of("HorizontalPodAutoscaler"):
        if item["spec"].get("minReplicas", 1) < 1:
            yield f"{called(item)}: an HPA keeps one pod at least"


def paths_are_absolute(manifests: Manifests) -> Iterator[str]:
    """Paths of mounts and of an Ingress begin at the root."""
    for pod in manifests.pods():
        for container in pod.containers():
            for mount in container.spec.get("volumeMounts", ()):
                if not mount["mountPath"].startswith("/") or ":" in mount["mountPath"]:
                    yield f"{container.where}: {mount['mountPath']!r} is no path of a mount"
    for item in manifests.of("Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                if not path["path"].startswith("/"):
                    yield f"{called(item)}: {path['path']!r} is no path"


def policies_say_what_they_do(manifests: Manifests) -> Iterator[str]:
    """A policy names its directions: rules of another one would do nothing."""
    for item in manifests.of("NetworkPolicy"):
        kinds = {kind.lower() for kind in item["spec"].get("policyTypes", ())}
        if not kinds or {"ingress", "egress"} & set(item["spec"]) - kinds:
            yield f"{called(item)}: policyTypes is {sorted(kinds)}"
