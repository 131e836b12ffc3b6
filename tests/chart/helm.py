"""Helm without a cluster: one port, with the SDK from PyPI behind it, or a `helm` binary."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import attrs

Values = Mapping[str, Any]

BINARY = shutil.which("helm")
HAS_SDK = importlib.util.find_spec("helm_python") is not None
SERVER = Path(__file__).with_name("sdk_server.py")
TIMEOUT_S = 60


class HelmError(Exception):
    """Helm refuses: the chart, the values or a template; the message is Helm's."""


@attrs.frozen
class Release:
    """One installation, or an upgrade of it, into a cluster of some version."""

    name: str = "demo"
    namespace: str = "telemetry"
    is_upgrade: bool = False
    kube_version: str = "v1.33.0"


DEMO = Release()


@attrs.frozen
class Rendered:
    """What a chart makes of values: its manifests, one text of YAML, and what the user is told."""

    manifests: str
    notes: str


class Helm(Protocol):
    """What the tests ask of Helm."""

    def lint(self, chart: Path, values: Values) -> list[str]:
        """Errors and warnings, as `helm lint --strict` has them."""
        ...

    def render(
        self, chart: Path, values: Values, release: Release = DEMO, apiserver: str | None = None
    ) -> Rendered:
        """Render; raises HelmError. With the URL of an API server, `lookup` asks that."""
        ...

    def package(self, chart: Path, destination: Path) -> Path:
        """Make the archive in a folder; its path."""
        ...


class SdkHelm:
    """The SDK, in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_no_cluster(),
        )

    def lint(self, chart: Path, values: Values) -> list[str]:
        found: list[str] = self._ask("lint", chart=str(chart), values=values)
        return found

    def render(
        self, chart: Path, values: Values, release: Release = DEMO, apiserver: str | None = None
    ) -> Rendered:
        named = {
            "name": release.name,
            "namespace": release.namespace,
            "is_upgrade": release.is_upgrade,
            "is_install": not release.is_upgrade,
            "kube_version": release.kube_version,
        }
        texts: dict[str, str] = self._ask(
            "render", chart=str(chart), values=values, release=named, apiserver=apiserver
        )
        notes = [texts.pop(path) for path in sorted(texts) if path.endswith("NOTES.txt")]
        return Rendered("\n---\n".join(texts[path] for path in sorted(texts)), "\n".join(notes))

    def package(self, chart: Path, destination: Path) -> Path:
        return Path(self._ask("package", chart=str(chart), destination=str(destination)))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(TIMEOUT_S)
        self._process.stdout.close()

    def _ask(self, verb: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([verb, arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process of the SDK has ended"
        answer = json.loads(line)
        if "error" in answer:
            raise HelmError(answer["error"])
        return answer["result"]


class BinaryHelm:
    """The program `helm`, 3.14 or newer."""

    def __init__(self, program: str) -> None:
        self._program = program

    def lint(self, chart: Path, values: Values) -> list[str]:
        with _file_of(values) as file:
            done = self._run("lint", "--strict", str(chart), "--values", file)
        return re.findall(r"^\[(?:WARNING|ERROR)\] (.*)$", done.stdout + done.stderr, re.MULTILINE)

    def render(
        self, chart: Path, values: Values, release: Release = DEMO, apiserver: str | None = None
    ) -> Rendered:
        options = ["--is-upgrade"] if release.is_upgrade else []
        if apiserver is None:
            options += ["--kube-version", release.kube_version]
        else:
            options += ["--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", apiserver]
        with _file_of(values) as file:
            place = (release.name, str(chart), "--namespace", release.namespace, "--values", file)
            manifests = self._fine("template", *place, *options)
            told = self._fine("install", *place, "--dry-run=client") if apiserver is None else ""
        return Rendered(manifests, told.partition("\nNOTES:\n")[2])

    def package(self, chart: Path, destination: Path) -> Path:
        told = self._fine("package", str(chart), "--destination", str(destination))
        return Path(told.rpartition(": ")[2].strip())

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=_no_cluster(),
            check=False,
        )

    def _fine(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise HelmError(done.stderr.strip())
        return done.stdout


def _no_cluster() -> dict[str, str]:
    """This process's environment, in which no cluster of the user's is known."""
    return {**os.environ, "KUBECONFIG": os.devnull}


@contextmanager
def _file_of(values: Values) -> Iterator[str]:
    """A file with these values; JSON is YAML."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        yield file.name


@contextmanager
def opened_helm() -> Iterator[Helm | None]:
    """The SDK where it is installed, else the binary, else nothing."""
    if HAS_SDK:
        with closing(SdkHelm()) as helm:
            yield helm
    else:
        yield None if BINARY is None else BinaryHelm(BINARY)
