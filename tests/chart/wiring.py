"""Checks of what points at what: labels, ports, Services, and what watches or scales a workload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chart.manifests import Labels, Manifest, Manifests, Pod, called

SAID_ELSEWHERE = ("app.kubernetes.io/version", "helm.sh/chart")
"""Labels that change with an upgrade."""


def selectors_match(manifests: Manifests) -> Iterator[str]:
    """A workload selects its own pods, and nobody else's."""
    for item in manifests.of("StatefulSet", "Deployment"):
        wanted = item["spec"]["selector"].get("matchLabels", {})
        own = item["spec"]["template"]["metadata"].get("labels", {})
        if not wanted or not wanted.items() <= own.items():
            yield f"{called(item)}: its selector does not match the labels of its pods"
        for pod in manifests.selected(wanted):
            if pod.where != called(item):
                yield f"{called(item)}: its selector matches the pods of {pod.where} too"
        for label in SAID_ELSEWHERE:
            if label in wanted:
                yield f"{called(item)}: its selector has {label}, which an upgrade changes"


def services_reach_ports(manifests: Manifests) -> Iterator[str]:
    """Each Service has pods of one workload, and each of its ports is one of a container there."""
    for service in manifests.of("Service"):
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            continue
        pods = manifests.selected(spec["selector"]) if spec.get("selector") else []
        if len(pods) != 1:
            found = ", ".join(pod.where for pod in pods) or "nothing"
            yield f"{called(service)}: selects {found}, and not one workload"
        for pod in pods:
            for port in spec["ports"]:
                if not _is_reached(port.get("targetPort", port["port"]), pod):
                    yield f"{called(service)}: port {port['port']} reaches no port of {pod.where}"


def probes_reach_ports(manifests: Manifests) -> Iterator[str]:
    """The port that a probe or a hook asks is one of its container."""
    for pod in manifests.pods():
        for container in pod.containers():
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.spec.get(kind, {})
                for way in ("httpGet", "tcpSocket"):
                    port = probe.get(way, {}).get("port")
                    if port is not None and port not in {*container.ports, *container.ports.values()}:
                        yield f"{container.where}: {kind} asks port {port}, which it does not have"


def services_of_stateful_sets(manifests: Manifests) -> Iterator[str]:
    """The Service that gives a StatefulSet's pods their names is there, headless, and selects them."""
    for item in manifests.of("StatefulSet"):
        name = item["spec"].get("serviceName")
        service = manifests.find("Service", str(name))
        if service is None:
            yield f"{called(item)}: its Service {name!r} is not there"
            continue
        if service["spec"].get("clusterIP") != "None":
            yield f"{called(item)}: its Service {name!r} is not headless"
        if called(item) not in {pod.where for pod in manifests.selected(service["spec"]["selector"])}:
            yield f"{called(item)}: its Service {name!r} does not select its pods"


def disruption_budgets(manifests: Manifests) -> Iterator[str]:
    """Each budget selects one workload, and lets a node be drained."""
    for item in manifests.of("PodDisruptionBudget"):
        spec = item["spec"]
        pods = manifests.selected(_labels(spec["selector"]))
        if len(pods) != 1:
            yield f"{called(item)}: selects {len(pods)} workloads, and not one"
        if spec.get("maxUnavailable") in {0, "0%"}:
            yield f"{called(item)}: lets no pod go, so no node can be drained"
        for pod in pods:
            if isinstance(spec.get("minAvailable"), int) and 0 < pod.replicas <= spec["minAvailable"]:
                yield f"{called(item)}: lets no pod of {pod.where} go, so no node can be drained"


def scale_targets(manifests: Manifests) -> Iterator[str]:
    """What is scaled is there, and leaves its number of replicas to the scaler."""
    for item in manifests.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = item["spec"]["scaleTargetRef"]
        found = manifests.find(target.get("kind", "Deployment"), target["name"])
        if found is None:
            yield f"{called(item)}: scales {target['name']!r}, which is not there"
        elif "replicas" in found["spec"]:
            yield f"{called(item)}: {called(found)} sets its replicas too: upgrades would undo the scaling"
        low = item["spec"].get("minReplicas", item["spec"].get("minReplicaCount", 0))
        high = item["spec"].get("maxReplicas", item["spec"].get("maxReplicaCount", 100))
        if low > high:
            yield f"{called(item)}: at least {low}, at most {high}"


def ingress_backends(manifests: Manifests) -> Iterator[str]:
    """Each path of an Ingress leads to a port of a Service."""
    for item in manifests.of("Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = manifests.find("Service", backend["name"])
                ports = [] if service is None else service["spec"]["ports"]
                wanted = backend["port"].get("name", backend["port"].get("number"))
                if wanted not in [value for port in ports for value in (port.get("name"), port["port"])]:
                    yield f"{called(item)}: {backend['name']}:{wanted} is no port of a Service"


def network_policies(manifests: Manifests) -> Iterator[str]:
    """Each policy, and each peer in it that is a pod of ours, selects pods; its ports are theirs."""
    for item in manifests.of("NetworkPolicy"):
        spec = item["spec"]
        own = manifests.selected(_labels(spec["podSelector"]))
        if not own:
            yield f"{called(item)}: selects no pod"
        for rule in spec.get("ingress", ()):
            yield from _peers(item, rule.get("from", ()), manifests)
            for port in rule.get("ports", ()):
                if "port" in port and not any(_is_reached(port["port"], pod) for pod in own):
                    yield f"{called(item)}: lets port {port['port']} in, which no pod of it has"
        for rule in spec.get("egress", ()):
            yield from _peers(item, rule.get("to", ()), manifests)


def _peers(item: Manifest, peers: list[Manifest], manifests: Manifests) -> Iterator[str]:
    for peer in peers:
        if "podSelector" in peer and "namespaceSelector" not in peer:
            labels = _labels(peer["podSelector"])
            if labels and not manifests.selected(labels):
                yield f"{called(item)}: knows pods {dict(labels)}, which are not there"


def monitors(manifests: Manifests) -> Iterator[str]:
    """Each monitor finds ports that are there, by name."""
    for item in manifests.of("ServiceMonitor"):
        wanted = _labels(item["spec"]["selector"])
        services = [
            each for each in manifests.of("Service") if wanted.items() <= each["metadata"]["labels"].items()
        ]
        names = {port.get("name") for each in services for port in each["spec"]["ports"]}
        for endpoint in item["spec"]["endpoints"]:
            if endpoint["port"] not in names:
                yield f"{called(item)}: no Service that it selects has a port {endpoint['port']!r}"
    for item in manifests.of("PodMonitor"):
        pods = manifests.selected(_labels(item["spec"]["selector"]))
        ports = {name for pod in pods for name in pod.ports()}
        for endpoint in item["spec"]["podMetricsEndpoints"]:
            if endpoint["port"] not in ports:
                yield f"{called(item)}: no pod that it selects has a port {endpoint['port']!r}"


def spreading(manifests: Manifests) -> Iterator[str]:
    """Affinity and spread constraints look at the pods' own labels."""
    for pod in manifests.pods():
        for constraint in pod.spec.get("topologySpreadConstraints", ()):
            labels = _labels(constraint.get("labelSelector", {}))
            if not labels.items() <= pod.labels.items():
                yield f"{pod.where}: spreads pods {dict(labels)}, and is none of them"


def _labels(selector: Manifest) -> Labels:
    found: Labels = selector.get("matchLabels", {})
    return found


def _is_reached(target: Any, pod: Pod) -> bool:
    ports = pod.ports()
    return target in (ports if isinstance(target, str) else ports.values())
