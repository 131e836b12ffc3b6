"""Rendered manifests, as the checks look at them: by kind and name, with the pods and containers in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import yaml

Manifest = dict[str, Any]
Labels = Mapping[str, str]

COMPONENT = "app.kubernetes.io/component"

_WORKLOADS = ("Deployment", "StatefulSet", "Job")


class _StrictLoader(yaml.CSafeLoader):
    """Refuses a key that stands twice in a mapping, as a Kubernetes API server does."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [key.value for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.constructor.ConstructorError(None, None, f"twice: {sorted(twice)}", node.start_mark)
    return dict(loader.construct_pairs(node, deep=True))


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str) -> list[Manifest]:
    """The documents of a text, empty ones left out; yaml.YAMLError where it is none."""
    return [document for document in yaml.load_all(text, _StrictLoader) if document]


@attrs.frozen
class Container:
    """One container, of those that begin a pod or of those that stay."""

    where: str
    """Pod and name, for complaints."""
    spec: Manifest
    is_init: bool

    @property
    def ports(self) -> dict[str, int]:
        """Number by name; a port without a name goes by its number."""
        return {
            port.get("name", str(port["containerPort"])): port["containerPort"]
            for port in self.spec.get("ports", ())
        }

    @property
    def variables(self) -> list[Manifest]:
        """The entries of `env`."""
        return list(self.spec.get("env", ()))


@attrs.frozen
class Pod:
    """A pod, or what a workload makes pods of."""

    where: str
    """Kind and name of who has it."""
    kind: str
    labels: Labels
    spec: Manifest
    replicas: int
    claims: tuple[Manifest, ...] = ()
    """A StatefulSet's templates of volume claims."""

    def containers(self) -> Iterator[Container]:
        """Those that begin the pod, then those that stay."""
        for key in ("initContainers", "containers"):
            for spec in self.spec.get(key, ()):
                yield Container(f"{self.where}: {spec.get('name')}", spec, is_init=key == "initContainers")

    def ports(self) -> dict[str, int]:
        """Those of all containers that stay."""
        return {
            name: number
            for container in self.containers()
            if not container.is_init
            for name, number in container.ports.items()
        }


@attrs.frozen
class Manifests:
    """What one rendering gave, and the texts in its values: names of what the user has made are there."""

    items: list[Manifest]
    known: frozenset[str] = frozenset()

    def of(self, *kinds: str) -> list[Manifest]:
        """All of these kinds."""
        return [item for item in self.items if item["kind"] in kinds]

    def find(self, kind: str, name: str) -> Manifest | None:
        """The one of that kind and name."""
        return next((item for item in self.of(kind) if item["metadata"]["name"] == name), None)

    def pods(self) -> list[Pod]:
        """Of every workload, and those that stand alone."""
        return [pod for item in self.items for pod in _pods(item)]

    def selected(self, labels: Labels) -> list[Pod]:
        """The pods that a plain selector selects."""
        return [pod for pod in self.pods() if labels.items() <= pod.labels.items()]


def _pods(item: Manifest) -> Iterator[Pod]:
    where, spec = called(item), item.get("spec", {})
    if item["kind"] in _WORKLOADS:
        template = spec["template"]
        yield Pod(
            where,
            item["kind"],
            template.get("metadata", {}).get("labels", {}),
            template["spec"],
            spec.get("replicas", 1),
            tuple(spec.get("volumeClaimTemplates", ())),
        )
    elif item["kind"] == "Pod":
        yield Pod(where, "Pod", item["metadata"].get("labels", {}), spec, 1)


def called(item: Manifest) -> str:
    """Kind and name, as people write it."""
    return f"{item['kind']}/{item['metadata']['name']}"


def strings(value: Any) -> frozenset[str]:
    """Every string in values, at any depth."""
    if isinstance(value, str):
        return frozenset([value])
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return frozenset().union(*(strings(part) for part in parts))
