"""Checks of what a pod takes from elsewhere: volumes, claims, ConfigMaps, Secrets, a service account."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from tests.chart.manifests import Container, Manifest, Manifests, called


def mounts_have_volumes(manifests: Manifests) -> Iterator[str]:
    """Each mount has its volume or its template of a claim, each volume a mount, each path one mount."""
    for pod in manifests.pods():
        volumes = {volume["name"] for volume in pod.spec.get("volumes", ())}
        claims = {claim["metadata"]["name"] for claim in pod.claims}
        mounted = set()
        for container in pod.containers():
            paths = [mount["mountPath"] for mount in container.spec.get("volumeMounts", ())]
            if len(set(paths)) < len(paths):
                yield f"{container.where}: two mounts have one path: {sorted(paths)}"
            for mount in container.spec.get("volumeMounts", ()):
                mounted.add(mount["name"])
                if mount["name"] not in volumes | claims:
                    yield f"{container.where}: mounts {mount['name']!r}, which is no volume of its pod"
        for name in sorted((volumes | claims) - mounted):
            yield f"{pod.where}: nobody mounts its volume {name!r}"
        for name in sorted(volumes & claims):
            yield f"{pod.where}: {name!r} is a volume and a claim"


def volumes_exist(manifests: Manifests) -> Iterator[str]:
    """Each claim, ConfigMap and Secret of a volume is there, with the keys that are taken."""
    for pod in manifests.pods():
        for volume in pod.spec.get("volumes", ()):
            where = f"{pod.where}: volume {volume['name']!r}"
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                yield from _missing(manifests, "PersistentVolumeClaim", claim, where)
            if "configMap" in volume:
                yield from _source(manifests, "ConfigMap", volume["configMap"], "name", where)
            if "secret" in volume:
                yield from _source(manifests, "Secret", volume["secret"], "secretName", where)
            for source in volume.get("projected", {}).get("sources", ()):
                for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                    if key in source:
                        yield from _source(manifests, kind, source[key], "name", where)


def variables_exist(manifests: Manifests) -> Iterator[str]:
    """Each ConfigMap, Secret and key that a variable is taken from is there."""
    for pod in manifests.pods():
        for container in pod.containers():
            yield from _variables(manifests, container)


def _variables(manifests: Manifests, container: Container) -> Iterator[str]:
    for variable in container.variables:
        source = variable.get("valueFrom", {})
        where = f"{container.where}: {variable['name']}"
        if ("value" in variable) == bool(source):
            yield f"{where}: wants one of value and valueFrom"
        for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if key in source and not source[key].get("optional"):
                yield from _missing(manifests, kind, source[key]["name"], where, source[key]["key"])
    for source in container.spec.get("envFrom", ()):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in source and not source[key].get("optional"):
                yield from _missing(manifests, kind, source[key]["name"], container.where)


def variables_expand(manifests: Manifests) -> Iterator[str]:
    """`$(NAME)` names a variable that stands before it: else it is taken as it is written."""
    for pod in manifests.pods():
        for container in pod.containers():
            seen: set[str] = set()
            for variable in container.variables:
                for name in re.findall(r"(?<!\$)\$\(([^)]*)\)", str(variable.get("value", ""))):
                    if name not in seen:
                        yield f"{container.where}: {variable['name']} uses $({name}), which is not set before"
                seen.add(variable["name"])
            for text in (*container.spec.get("command", ()), *container.spec.get("args", ())):
                for name in re.findall(r"(?<!\$)\$\(([A-Za-z_][A-Za-z0-9_]*)\)", text):
                    if name not in seen:
                        yield f"{container.where}: an argument uses $({name}), which is not set"


def accounts_exist(manifests: Manifests) -> Iterator[str]:
    """A service account that is named is there, or is the user's."""
    for pod in manifests.pods():
        name = pod.spec.get("serviceAccountName", "default")
        if name != "default":
            yield from _missing(manifests, "ServiceAccount", name, pod.where)


def secrets_decode(manifests: Manifests) -> Iterator[str]:
    """What is said to be base64 is."""
    for item in manifests.of("Secret"):
        for key, text in item.get("data", {}).items():
            try:
                base64.b64decode(text, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError, TypeError):
                yield f"{called(item)}: {key!r} is no text in base64"


def _source(manifests: Manifests, kind: str, source: Manifest, key: str, where: str) -> Iterator[str]:
    if not source.get("optional"):
        yield from _missing(manifests, kind, source[key], where)
        for item in source.get("items", ()):
            yield from _missing(manifests, kind, source[key], where, item["key"])


def _missing(manifests: Manifests, kind: str, name: str, where: str, key: str | None = None) -> Iterator[str]:
    """A complaint where neither the chart makes it nor the user has named it."""
    found = manifests.find(kind, name)
    if found is None:
        if name not in manifests.known:
            yield f"{where}: there is no {kind} {name!r}"
    elif key is not None and key not in {**found.get("data", {}), **found.get("stringData", {})}:
        yield f"{where}: {kind} {name!r} has no key {key!r}"


def claims_are_kept(manifests: Manifests) -> Iterator[str]:
    """A volume of data outlives the release: a StatefulSet's claims do so, if nothing says otherwise."""
    for item in manifests.of("PersistentVolumeClaim"):
        policy = item["metadata"].get("annotations", {}).get("helm.sh/resource-policy")
        if policy != "keep":
            yield f"{called(item)}: helm uninstall would delete it"
    for item in manifests.of("StatefulSet"):
        policies = item["spec"].get("persistentVolumeClaimRetentionPolicy", {})
        for when, policy in policies.items():
            if policy != "Retain":
                yield f"{called(item)}: {when} is {policy}: its data would go with it"
