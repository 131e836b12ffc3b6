"""Helm's SDK in a process of its own: a line of JSON asks, a line of JSON answers.

The SDK is a library of 80 MB with the runtime of Go: threads, signal handlers and memory that other tests of
the same process should not have. Run as a script; it ends with its standard input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import helm_python
from helm_python import _native


def render(
    chart: str, values: dict[str, Any], release: dict[str, Any], apiserver: str | None = None
) -> dict[str, str]:
    """Each template's path and text; with a server, `lookup` asks that."""
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        if apiserver is not None:
            release.pop("kube_version")
            with helm_python.Config(kube_apiserver=apiserver, namespace=release["namespace"]) as config:
                return config.render(loaded, values, **release)
        # Chart.render() has no parameter for the version of Kubernetes; the library under it has.
        arguments: list[Any] = [loaded._raw(), json.dumps(values), json.dumps(release)]
        return dict(json.loads(_native.call_string("helm_render", *arguments)))


def lint(chart: str, values: dict[str, Any]) -> list[str]:
    """Warnings and errors."""
    report = helm_python.lint(chart, values, strict=True)
    warnings = [f"{each['path']}: {each['error']}" for each in report["messages"] if each["severity"] >= 2]
    return warnings + [each for each in report["errors"] if not any(each in one for one in warnings)]


def package(chart: str, destination: str) -> str:
    """The archive's path."""
    return helm_python.package(chart, destination=destination)


VERBS: dict[str, Callable[..., Any]] = {"render": render, "lint": lint, "package": package}


def main() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = {"result": VERBS[verb](**arguments)}
        except helm_python.HelmError as error:
            answer = {"error": error.detail}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
