"""Settings drawn at random: whatever Helm takes, every check and the schemas are content with."""

from __future__ import annotations

import os
from random import Random
from typing import Any

from tests.chart import schemas
from tests.chart.checks import complaints
from tests.chart.helm import HelmError, Release
from tests.chart.manifests import Manifests
from tests.chart.rendering import Renderer

DRAWS = 400 if os.environ.get("GPUTAIL_LONG") == "1" else 8
NAMES = ("demo", "gputail", "my-gputail-0", "a" * 53, "x")
EXTRA = {
    "podLabels": {"team": "gpu"},
    "podAnnotations": {"a/b": "c: d"},
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
}
PERSISTENCE: list[dict[str, Any]] = [
    {},
    {"enabled": False},
    {"existingClaim": "mine"},
    {"size": "1.5Ti", "storageClass": "fast"},
    {"storageClass": "-"},
    {"enabled": False, "existingClaim": "mine"},
]
CHOICES: dict[str, list[Any]] = {
    "fullnameOverride": ["", "telemetry", "a" * 53],
    "nameOverride": ["", "tail"],
    "listenHost": ["0.0.0.0", "[::]"],
    "log.level": ["debug", "error"],
    "topic.bytes": [None, 1099511627776],
    "topic.days": [7, 0.25, "forever"],
    "views.days": [30, "forever"],
    "views.store": ["postgresql", "sqlite"],
    "views.sqlite.persistence": PERSISTENCE,
    "broker.persistence": PERSISTENCE,
    "postgresql.persistence": PERSISTENCE,
    "postgresql.auth.existingSecret": ["", "mine"],
    "broker.flush": ["group", "os"],
    "broker.advertise": ["", "broker.example.com:9092"],
    "streamer.source": ["sample", "sim:8", "csv:/csv/a b.csv"],
    "streamer.csv.existingClaim": ["", "fleet"],
    "streamer.interval": [None, 0, 0.5],
    "streamer.rate": [None, 1, 100000],
    "streamer.replicas": [0, 1, 10],
    "collector.replicas": [0, 1, 10],
    "collector.batchRecords": [1, 1000000],
    "collector.keda.enabled": [False, True],
    "api.replicas": [0, 1, 10],
    "api.autoscaling.enabled": [False, True],
    "api.service.type": ["ClusterIP", "NodePort", "LoadBalancer"],
    "api.service.port": [80, 9645],
    "api.service.nodePort": [None, 30080],
    "api.ingress.enabled": [False, True],
    "api.preStopSeconds": [0, 5],
    "api.stalenessSeconds": [None, 60],
    "networkPolicy.enabled": [False, True],
    "networkPolicy.apiFrom": [[], [{"namespaceSelector": {}}]],
    "networkPolicy.metricsFrom": [[], [{"ipBlock": {"cidr": "10.0.0.0/8"}}]],
    "podDisruptionBudget.enabled": [False, True],
    "serviceMonitor.enabled": [False, True],
    "prometheusRule.enabled": [False, True],
    "imagePullSecrets": [[], [{"name": "mine"}]],
}


def drawn(random: Random) -> dict[str, Any]:
    """Values: some of the choices, and for some processes all that they have in common."""
    values: dict[str, Any] = {}
    for path, choices in CHOICES.items():
        if random.random() < 0.5:
            *owners, key = path.split(".")
            owner = values
            for name in owners:
                owner = owner.setdefault(name, {})
            owner[key] = random.choice(choices)
    for process in ("broker", "streamer", "collector", "api", "postgresql"):
        if random.random() < 0.3:
            values.setdefault(process, {}).update(EXTRA)
    return values


def is_contradiction(values: dict[str, Any]) -> bool:
    """One collector and one API beside a SQLite store, and no scaling of them; a claim with a CSV to read."""
    streamer = values.get("streamer", {})
    if streamer.get("csv", {}).get("existingClaim") and not streamer.get("source", "").startswith("csv:"):
        return True
    collector, api = values.get("collector", {}), values.get("api", {})
    return values.get("views", {}).get("store") == "sqlite" and (
        {collector.get("replicas", 1), api.get("replicas", 1)} != {1}
        or collector.get("keda", {}).get("enabled", False)
        or api.get("autoscaling", {}).get("enabled", False)
    )


def test_whatever_is_taken_is_right(renderer: Renderer, seed: int) -> None:
    """Names, ports, mounts, Secrets, security and schemas hold for combinations that nobody thought of."""
    random = Random(seed)
    for _ in range(DRAWS):
        values, version = drawn(random), random.choice(schemas.VERSIONS)
        release = Release(name=random.choice(NAMES), kube_version=f"v{version}.0")
        try:
            manifests = renderer.manifests(values, release)
        except HelmError as error:
            refusal: HelmError | None = error
            manifests = Manifests([])
        else:
            refusal = None
        assert is_contradiction(values) == (refusal is not None), (refusal, values)
        found = complaints(manifests)
        found += [each for item in manifests.items for each in schemas.complaints(item, version)]
        assert [] == found, (release, values)
