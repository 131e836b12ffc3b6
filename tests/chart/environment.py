"""The variables that a container would get, and whether the command that it runs can do with them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from unittest.mock import patch

from cyclopts import CycloptsError

from gputail.cli import build_app
from tests.chart.hardening import decoded
from tests.chart.manifests import Container, Manifest, Manifests, Pod
from tests.chart.probing import ours, verb

PREFIX = "GPUTAIL_"
OF_THE_USER = "of-the-user"
"""Stands for what is in Secrets and ConfigMaps that the chart does not make."""
_USE = re.compile(r"\$(\$|\(([A-Za-z_][A-Za-z0-9_]*)\))")


def environment(manifests: Manifests, pod: Pod, container: Container) -> dict[str, str]:
    """Name and value, as the kubelet would set them; `$(NAME)` replaced where NAME stands before."""
    found: dict[str, str] = {}
    for source in container.spec.get("envFrom", ()):
        prefix = source.get("prefix", "")
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in source:
                data = _data(manifests, kind, source[key]["name"])
                found |= {prefix + name: text for name, text in data.items()}
    for variable in container.variables:
        if "valueFrom" in variable:
            found[variable["name"]] = _taken(manifests, pod, variable["valueFrom"])
        else:
            found[variable["name"]] = expanded(str(variable.get("value") or ""), found)
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` replaced; `$$` is one `$`, and an unknown name stays as it is."""
    return _USE.sub(lambda use: "$" if use[1] == "$" else variables.get(use[2], use[0]), text)


def _taken(manifests: Manifests, pod: Pod, source: Manifest) -> str:
    """What `valueFrom` names; amounts of resources and addresses are any."""
    if "fieldRef" in source:
        name = pod.where.partition("/")[2]
        fields = {"metadata.name": f"{name}-0", "metadata.namespace": "telemetry"}
        return fields.get(source["fieldRef"]["fieldPath"], "127.0.0.1")
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if key in source:
            data = _data(manifests, kind, source[key]["name"])
            return data.get(source[key]["key"], OF_THE_USER)
    return "1"


def _data(manifests: Manifests, kind: str, name: str) -> dict[str, str]:
    item = manifests.find(kind, name) or {}
    data: dict[str, str] = dict(item.get("data", {}))
    if kind == "Secret":
        data = {key: decoded(text) for key, text in data.items()}
    return {**data, **item.get("stringData", {})}


@cache
def known_variables(name: str) -> frozenset[str]:
    """Those that a verb knows: one for each of its options, and the settings file's name."""
    arguments = _app()[name].assemble_argument_collection()
    options = [option for argument in arguments for option in argument.names if option.startswith("--")]
    return frozenset([f"{PREFIX}CONFIG", *(variable_of(option) for option in options)])


def variable_of(option: str) -> str:
    """`--data-dir` is `GPUTAIL_DATA_DIR`."""
    return PREFIX + option.removeprefix("--").replace("-", "_").upper()


def variables_are_options(manifests: Manifests) -> Iterator[str]:
    """Each of our variables is an option of the verb that the container runs; none is misspelt."""
    for pod, container in ours(manifests):
        for name in environment(manifests, pod, container):
            if name.startswith(PREFIX) and name not in known_variables(verb(container) or ""):
                yield f"{container.where}: {name} is no option of gputail {verb(container)}"


def settings_are_taken(manifests: Manifests) -> Iterator[str]:
    """The command takes the arguments and the values of the variables: it would not end with bad usage."""
    for pod, container in ours(manifests):
        words = [*container.spec["command"], *container.spec.get("args", ())][1:]
        variables = environment(manifests, pod, container)
        complaint = refusal(tuple(expanded(word, variables) for word in words), frozenset(variables.items()))
        if complaint is not None:
            yield f"{container.where}: gputail {words[0]} refuses: {complaint}"


@cache
def refusal(words: tuple[str, ...], variables: frozenset[tuple[str, str]]) -> str | None:
    """What the command line says against a command in an environment; None where it would run."""
    others = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    with patch.dict(os.environ, others | dict(variables), clear=True):
        try:
            _app().parse_args(words, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            return str(error)
    return None


_app = cache(build_app)
