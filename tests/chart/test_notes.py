"""What the user is told after an installation: each command is one that works there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.chart.environment import refusal
from tests.chart.helm import DEMO
from tests.chart.manifests import Manifests
from tests.chart.rendering import CASES, Renderer, values_of

KINDS = {"svc": "Service", "deploy": "Deployment", "statefulset": "StatefulSet", "secret": "Secret"}


def complaints(notes: str, manifests: Manifests) -> Iterator[str]:
    """Commands for another namespace, and things and ports that are not there."""
    for command in re.findall(r"\b(?:kubectl|helm) -.*|\b(?:kubectl|helm) (?!uninstall`).*", notes):
        if f"-n {DEMO.namespace} " not in command:
            yield f"{command!r} does not say which namespace"
        yield from _names(command, manifests)
        _, is_there, ours = command.partition(" -- gputail ")
        complaint = refusal(tuple(ours.split()), frozenset()) if is_there else None
        if complaint is not None:
            yield f"{command!r}: {complaint}"
    for address in re.findall(r"(\S+:\d+)\. ", notes):
        if "/" not in address and manifests.find("Service", address.partition(":")[0]) is None:
            yield f"{address} is no Service"


def _names(command: str, manifests: Manifests) -> Iterator[str]:
    for kind, name in re.findall(r"\b(svc|deploy|statefulset|secret)[/ ]([a-z0-9][-a-z0-9.]*)", command):
        if manifests.find(KINDS[kind], name) is None:
            yield f"{command!r}: there is no {kind}/{name}"
    for name in re.findall(r"(?:exec |pod/)([-a-z0-9]+)-0\b", command):
        if manifests.find("StatefulSet", name) is None:
            yield f"{command!r}: there is no pod {name}-0"
    for name, port in re.findall(r"port-forward svc/(\S+) \d+:(\S+)", command):
        service = manifests.find("Service", name)
        ports = [] if service is None else service["spec"]["ports"]
        if port not in [str(value) for each in ports for value in (each.get("name"), each["port"])]:
            yield f"{command!r}: svc/{name} has no port {port}"
    for container in re.findall(r" -c (\S+)", command):
        if container not in {each.spec["name"] for pod in manifests.pods() for each in pod.containers()}:
            yield f"{command!r}: there is no container {container}"


@pytest.mark.parametrize("case", CASES)
def test_every_command_works(renderer: Renderer, case: str) -> None:
    """Namespace, names, ports and our own commands are those of the release."""
    values = values_of(case)
    notes = renderer.rendered(values).notes
    assert "kubectl -n telemetry port-forward svc/" in notes
    assert [] == list(complaints(notes, renderer.manifests(values)))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("kubectl port-forward svc/demo-gputail-api 8080:80", "which namespace"),
        ("kubectl -n telemetry port-forward svc/demo-api 8080:80", "no svc/demo-api"),
        ("kubectl -n telemetry port-forward svc/demo-gputail-api 8080:81", "no port 81"),
        ("kubectl -n telemetry logs deploy/api", "no deploy/api"),
        ("kubectl -n telemetry exec broker-0 -- gputail doctor", "no pod broker-0"),
        ("kubectl -n telemetry exec demo-gputail-broker-0 -- gputail groups", "groups"),
        ("kubectl -n telemetry logs deploy/demo-gputail-api -c web", "no container web"),
        ("everybody can write broker:9092. Mind", "no Service"),
    ],
)
def test_what_is_wrong_is_seen(renderer: Renderer, told: str, words: str) -> None:
    """Each of these would not work."""
    assert words in "\n".join(complaints(told, renderer.manifests({})))


def test_warnings_are_told(renderer: Renderer) -> None:
    """Data on no volume, an open broker, and an API that can be reached from outside."""
    nowhere = {"broker": {"persistence": {"enabled": False}}}
    assert "volume" in renderer.rendered(nowhere).notes
    assert "no TLS and no login" in renderer.rendered({}).notes
    assert "no TLS and no login" not in renderer.rendered({"networkPolicy": {"enabled": True}}).notes
    assert "from outside" in renderer.rendered({"api": {"service": {"type": "NodePort"}}}).notes
