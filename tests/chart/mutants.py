"""Ways to break rendered manifests in one place: a value put, cut or doubled at a path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from tests.chart.manifests import COMPONENT, Manifest, Manifests

Find = Callable[[Manifests], Any]
Mutate = Callable[[Manifests], None]

_APPEND = "+"


@attrs.frozen
class Place:
    """Something in the manifests, and a path from there; `+` is behind the end of a list."""

    find: Find
    path: tuple[str | int, ...]

    def put(self, value: Any) -> Mutate:
        """Set it."""

        def mutate(manifests: Manifests) -> None:
            owner, key = self._owner(manifests)
            if key == _APPEND:
                owner.append(value)
            else:
                owner[key] = value

        return mutate

    def cut(self) -> Mutate:
        """Take it away; it has to be there."""

        def mutate(manifests: Manifests) -> None:
            owner, key = self._owner(manifests)
            del owner[key]

        return mutate

    def double(self) -> Mutate:
        """Add the first one of a list once more."""

        def mutate(manifests: Manifests) -> None:
            owner, key = self._owner(manifests)
            owner[key].append(dict(owner[key][0]))

        return mutate

    def _owner(self, manifests: Manifests) -> tuple[Any, Any]:
        """The last mapping or list on the path, which is made where it is missing, and the key in it."""
        owner = self.find(manifests)
        for key, following in zip(self.path, self.path[1:], strict=False):
            if isinstance(owner, dict) and key not in owner:
                owner[key] = [] if following == _APPEND else {}
            owner = owner[key]
        return owner, self.path[-1]


def item(kind: str, end: str, *path: str | int) -> Place:
    """A path in the manifest of a kind whose name ends like this."""

    def find(manifests: Manifests) -> Manifest:
        return next(each for each in manifests.of(kind) if each["metadata"]["name"].endswith(end))

    return Place(find, path)


def pod(component: str, *path: str | int) -> Place:
    """A path in the template of a component's pods."""

    def find(manifests: Manifests) -> Manifest:
        for each in manifests.of("Deployment", "StatefulSet"):
            template: Manifest = each["spec"]["template"]
            if template["metadata"]["labels"].get(COMPONENT) == component:
                return template
        raise LookupError(component)

    return Place(find, path)


def spec(component: str, *path: str | int) -> Place:
    """A path in the spec of a component's pods."""
    return pod(component, "spec", *path)


def container(component: str, *path: str | int) -> Place:
    """A path in the first container of a component."""
    return spec(component, "containers", 0, *path)


def variable(component: str, name: str) -> Place:
    """What the ConfigMap of a component sets."""
    return item("ConfigMap", f"-{component}", "data", name)


def anything(*path: str | int) -> Place:
    """A path in the list of all manifests."""
    return Place(lambda manifests: {"items": manifests.items}, ("items", *path))


def all_of(*mutations: Mutate) -> Mutate:
    """One after the other."""

    def mutate(manifests: Manifests) -> None:
        for each in mutations:
            each(manifests)

    return mutate
