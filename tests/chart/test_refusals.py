"""Values that make no sense are refused before anything is made, by a message that names the key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.helm import HelmError
from tests.chart.rendering import Renderer

SQLITE = {"store": "sqlite"}
EXTERNAL = {"store": "external"}

REFUSED: list[tuple[dict[str, Any], str]] = [
    # keys that are not there, at each depth
    ({"brokers": {}}, "brokers"),
    ({"broker": {"replicas": 2}}, "replicas"),
    ({"broker": {"persistence": {"sise": "1Gi"}}}, "sise"),
    ({"collector": {"keda": {"lag": 1}}}, "lag"),
    ({"views": {"external": {"password": "x"}}}, "password"),
    # numbers of replicas
    ({"streamer": {"replicas": 11}}, "streamer.replicas"),
    ({"collector": {"replicas": 11}}, "collector.replicas"),
    ({"api": {"replicas": 11}}, "api.replicas"),
    ({"streamer": {"replicas": -1}}, "streamer.replicas"),
    ({"streamer": {"replicas": 1.5}}, "streamer.replicas"),
    ({"replicasMax": 3, "collector": {"replicas": 4}}, "collector.replicas"),
    ({"collector": {"keda": {"enabled": True, "maxReplicas": 11}}}, "collector.keda.maxReplicas"),
    ({"api": {"autoscaling": {"enabled": True, "maxReplicas": 11}}}, "api.autoscaling.maxReplicas"),
    # one writer of a SQLite store, and one machine
    ({"views": SQLITE, "collector": {"replicas": 2}}, "collector.replicas"),
    ({"views": SQLITE, "api": {"replicas": 2}}, "api.replicas"),
    ({"views": SQLITE, "collector": {"keda": {"enabled": True}}}, "collector.keda.enabled"),
    ({"views": SQLITE, "api": {"autoscaling": {"enabled": True}}}, "api.autoscaling.enabled"),
    # types
    ({"streamer": {"replicas": "two"}}, "streamer.replicas"),
    ({"broker": {"persistence": {"size": 10}}}, "broker.persistence.size"),
    ({"broker": {"persistence": {"size": "10GB"}}}, "broker.persistence.size"),
    ({"broker": {"persistence": {"enabled": "yes"}}}, "broker.persistence.enabled"),
    ({"broker": {"persistence": {"accessModes": "ReadWriteOnce"}}}, "broker.persistence.accessModes"),
    ({"broker": {"extraEnv": {"A": "b"}}}, "broker.extraEnv"),
    ({"imagePullSecrets": "mine"}, "imagePullSecrets"),
    ({"api": {"service": {"port": 70000}}}, "api.service.port"),
    ({"api": {"service": {"port": "http"}}}, "api.service.port"),
    ({"topic": {"partitions": 0}}, "topic.partitions"),
    # words
    ({"log": {"level": "loud"}}, "log.level"),
    ({"image": {"pullPolicy": "Sometimes"}}, "image.pullPolicy"),
    ({"views": {"store": "mysql"}}, "views.store"),
    ({"broker": {"flush": "never"}}, "broker.flush"),
    ({"streamer": {"source": "kafka:topic"}}, "streamer.source"),
    ({"streamer": {"share": "all"}}, "streamer.share"),
    ({"api": {"service": {"type": "Node"}}}, "api.service.type"),
    ({"topic": {"days": "always"}}, "topic.days"),
    ({"views": {"days": -1}}, "views.days"),
    # what the commands would refuse, and pods would end with
    ({"topic": {"days": 40000}}, "topic.days"),
    ({"views": {"days": 40000}}, "views.days"),
    ({"collector": {"batchRecords": 1000001}}, "collector.batchRecords"),
    ({"listenHost": "127.0.0.1"}, "listenHost"),
    ({"broker": {"advertise": "h:99999"}}, "broker.advertise"),
    ({"api": {"preStopSeconds": 60}}, "api.preStopSeconds"),
    ({"streamer": {"source": "sim:0"}}, "streamer.source"),
    ({"streamer": {"source": "csv:/else/a.csv", "csv": {"existingClaim": "c"}}}, "streamer.source"),
    ({"streamer": {"csv": {"existingClaim": "c"}}}, "streamer.csv.existingClaim"),
    ({"topic": {"bytes": 1000}}, "topic.bytes"),
    # what goes with something else
    ({"views": EXTERNAL}, "views.external.url"),
    ({"views": {**EXTERNAL, "external": {"url": "mysql://u@h/d"}}}, "views.external.url"),
    ({"views": {**EXTERNAL, "external": {"url": "postgresql://u:secret@h/d"}}}, "views.external.url"),
]


def key_of(message: str) -> str:
    """The message with JSON pointers (`/a/b`, `a.b`) written with points alone."""
    return message.replace("/", ".")


@pytest.mark.parametrize(
    ("values", "key"), REFUSED, ids=[f"{key}-{number}" for number, (_, key) in enumerate(REFUSED)]
)
def test_it_is_refused_by_name(renderer: Renderer, values: dict[str, Any], key: str) -> None:
    """Helm ends with a message that has the key in it, and no password."""
    with pytest.raises(HelmError) as refused:
        renderer.rendered(values)
    assert key in key_of(str(refused.value))
    assert "secret" not in str(refused.value)


TAKEN: list[dict[str, Any]] = [
    {"streamer": {"replicas": 0}, "collector": {"replicas": 0}, "api": {"replicas": 0}},
    {"streamer": {"replicas": 10}, "collector": {"replicas": 10}, "api": {"replicas": 10}},
    {"replicasMax": 30, "streamer": {"replicas": 30}, "collector": {"replicas": 11}},
    {"topic": {"bytes": 54525952}, "broker": {"advertise": "h:65535"}},
    {"streamer": {"source": "csv:/in/the/image.csv"}},
    {"topic": {"days": "forever"}, "views": {"days": 0.5}},
    {"streamer": {"source": "sim:512@7"}},
    {"streamer": {"rate": 1000, "interval": 0}},
]


@pytest.mark.parametrize("values", TAKEN, ids=[str(number) for number in range(len(TAKEN))])
def test_what_makes_sense_is_taken(renderer: Renderer, values: dict[str, Any]) -> None:
    """The bounds themselves are allowed, and a higher maximum may be set."""
    assert renderer.manifests(values).items


@pytest.mark.parametrize("replicas", [0, 1, 10])
@pytest.mark.parametrize("process", ["streamer", "collector", "api"])
def test_replicas_are_what_was_asked_for(renderer: Renderer, process: str, replicas: int) -> None:
    """None at all is a number, too."""
    manifests = renderer.manifests({process: {"replicas": replicas}})
    found = manifests.find("Deployment", f"demo-gputail-{process}")
    assert found is not None
    assert replicas == found["spec"]["replicas"]
