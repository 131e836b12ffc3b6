"""Checks of what the settings say: where to listen, whom to ask, which folders to write to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.chart.environment import environment
from tests.chart.manifests import COMPONENT, Container, Manifests
from tests.chart.probing import PROBES, ours, verb

EVERYWHERE = {"0.0.0.0", "[::]"}
LISTENERS = ("GPUTAIL_LISTEN", "GPUTAIL_ADMIN_LISTEN")
BROKERS = ("GPUTAIL_BOOTSTRAP_SERVERS", "GPUTAIL_ADVERTISE")


def listeners_are_ports(manifests: Manifests) -> Iterator[str]:
    """A process listens where its pod's address leads; health is asked where it is answered."""
    for pod, container in ours(manifests):
        variables = environment(manifests, pod, container)
        for name in LISTENERS:
            host, _, port = variables.get(name, "").rpartition(":")
            if name == "GPUTAIL_LISTEN" and verb(container) not in {"broker", "serve"}:
                continue
            if host not in EVERYWHERE:
                yield f"{container.where}: {name}={host}:{port} cannot be reached from elsewhere"
            if int(port or 0) not in container.ports.values():
                yield f"{container.where}: {name} is port {port}, which the container does not name"
        admin = int(variables.get("GPUTAIL_ADMIN_LISTEN", ":0").rpartition(":")[2])
        for probe in PROBES:
            asked = container.spec.get(probe, {}).get("httpGet", {}).get("port")
            if asked is not None and container.ports.get(str(asked), asked) != admin:
                yield f"{container.where}: {probe} asks port {asked}, and health is answered at {admin}"


def one_port_one_listener(manifests: Manifests) -> Iterator[str]:
    """Containers of one pod share its address: no two of them listen at one port."""
    for pod in manifests.pods():
        numbers = [number for each in pod.containers() if not each.is_init for number in each.ports.values()]
        for number in sorted({number for number in numbers if numbers.count(number) > 1}):
            yield f"{pod.where}: two of its containers listen at {number}"


def addresses_are_services(manifests: Manifests) -> Iterator[str]:
    """The broker, the database and the API are asked at a Service of theirs, at a port that it has."""
    for pod in manifests.pods():
        for container in pod.containers():
            for name, address, components in _asked(environment(manifests, pod, container), container):
                host, _, port = address.rpartition(":")
                service = manifests.find("Service", host.partition(".")[0])
                if any(host in text for text in manifests.known):
                    continue  # it is the user's
                if service is None:
                    yield f"{container.where}: {name} is {address}, and there is no such Service"
                elif int(port) not in [each["port"] for each in service["spec"]["ports"]]:
                    yield f"{container.where}: {name} is {address}, and that Service has no such port"
                elif service["spec"]["selector"].get(COMPONENT) not in components:
                    yield f"{container.where}: {name} is {address}, which is no {components[0]}"


def _asked(variables: dict[str, str], container: Container) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Who says so, HOST:PORT, and the components that can be meant."""
    for name in BROKERS:
        if name in variables:
            yield name, variables[name], ("broker",)
    views = urlsplit(variables.get("GPUTAIL_VIEWS", ""))
    if views.scheme.startswith("postgres"):
        yield "GPUTAIL_VIEWS", f"{views.hostname}:{views.port}", ("postgresql",)
    for text in container.spec.get("args", ()):
        for address in re.findall(r"http://([^/\s\"']+)", text):
            yield "an argument", address, ("api", "views")


def folders_are_mounted(manifests: Manifests) -> Iterator[str]:
    """What a process writes lies on a volume: its root is read only, and a restart would empty it."""
    for pod, container in ours(manifests):
        variables = environment(manifests, pod, container)
        views = variables.get("GPUTAIL_VIEWS", "")
        folders = [variables["GPUTAIL_DATA_DIR"]] if verb(container) == "broker" else []
        folders += [views.removeprefix("sqlite:///")] if views.startswith("sqlite:") else []
        for folder in folders:
            if not _is_below(folder, container, is_written=verb(container) != "serve"):
                yield f"{container.where}: writes to {folder}, where it mounts no volume"
        source = variables.get("GPUTAIL_SOURCE", "")
        path = source.removeprefix("csv:")
        is_there = _is_below(path, container, is_written=False)
        if path != source and "csv" in _mounts(container) and not is_there:
            yield f"{container.where}: reads {source}, and has its CSV mounted elsewhere"


def _mounts(container: Container) -> list[str]:
    return [mount["name"] for mount in container.spec.get("volumeMounts", ())]


def _is_below(path: str, container: Container, *, is_written: bool) -> bool:
    return any(
        f"{path}/".startswith(mount["mountPath"].rstrip("/") + "/")
        for mount in container.spec.get("volumeMounts", ())
        if not (is_written and mount.get("readOnly"))
    )
