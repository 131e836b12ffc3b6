"""The programs that a benchmark runs: load generators, compiled on use from `clients/`, and servers."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measured import NotMeasuredError

SOURCES = Path(__file__).parent / "clients"
PACKAGES = {
    "cc": "gcc",
    "pkg-config": "pkg-config",
    "rdkafka": "librdkafka-dev",
    "libnats": "libnats-dev",
    "nats-server": "nats-server",
    "redis-server": "redis-server",
    "redis-benchmark": "redis-tools",
}
"""Debian's package for each program and, by pkg-config's name, each library."""


def installed(name: str) -> str:
    """The path of an installed program; NotMeasuredError names the package to install."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise NotMeasuredError(f"there is no {name}: apt install {PACKAGES[name]}")
    return path


@functools.cache
def client(name: str, library: str | None = None) -> str:
    """Compile `clients/<name>.c` and return the program's path; it lives as long as this process."""
    command = [
        installed("cc"),
        "-O2",
        "-Wall",
        "-Wextra",
        "-o",
        f"{_folder()}/{name}",
        str(SOURCES / f"{name}.c"),
    ]
    if library is not None:
        flags = subprocess.run(
            [installed("pkg-config"), "--cflags", "--libs", library],
            check=False,
            capture_output=True,
            text=True,
        )
        if flags.returncode:
            raise NotMeasuredError(f"there is no {library} to compile with: apt install {PACKAGES[library]}")
        command += flags.stdout.split()
    compiled = subprocess.run(command, check=False, capture_output=True, text=True)
    if compiled.returncode:
        raise NotMeasuredError(f"{name}.c does not compile here: {compiled.stderr.strip().splitlines()[0]}")
    return f"{_folder()}/{name}"


def run_client(program: str, *arguments: object, timeout_s: float = 120.0) -> dict[str, Any]:
    """Run a load generator to its end; what it reports."""
    report = subprocess.run(
        command_of(program, arguments), check=True, stdout=subprocess.PIPE, text=True, timeout=timeout_s
    ).stdout
    found: dict[str, Any] = json.loads(report)
    assert not found.get("errors"), f"{program} reports errors: {report}"
    return found


def command_of(program: str, arguments: Sequence[object]) -> list[str]:
    """A command line."""
    return [program, *map(str, arguments)]


@functools.cache
def _folder() -> str:
    # Held by the cache, and removed with it when the process ends.
    return _kept_folder().name


@functools.cache
def _kept_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-clients-")
