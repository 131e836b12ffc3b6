"""`make docker` and its like: what they ask the engine to build, and what they say where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gputail import __version__
from tests.container.rules import TARGETS
from tests.documents import ROOT

MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


def make(folder: Path, *arguments: str, has_docker: bool = True) -> subprocess.CompletedProcess[str]:
    """Run make with a `docker` that only tells what it was asked, or without any."""
    for tool in ("sh", "awk"):
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    if has_docker:
        (folder / "docker").write_text('#!/bin/sh\necho "asked: $*"\n')
        (folder / "docker").chmod(0o755)
    assert MAKE is not None
    return subprocess.run(
        [MAKE, "--no-print-directory", *arguments],
        cwd=ROOT,
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def asked(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the engine was asked, in words."""
    assert (0, "") == (done.returncode, done.stderr)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("asked: ")]
    return line.removeprefix("asked: ").split()


def test_one_image_has_the_version_as_its_tag(tmp_path: Path) -> None:
    """It is built from the checkout, on the base that the Dockerfile names."""
    assert ["build", "--tag", f"gputail:{__version__}", "."] == asked(make(tmp_path, "docker"))


@pytest.mark.parametrize("target", TARGETS)
def test_each_process_has_an_image_of_its_own(tmp_path: Path, target: str) -> None:
    """The target's stage, under the target's name."""
    expected = ["build", "--target", target, "--tag", f"gputail-{target}:{__version__}", "."]
    assert expected == asked(make(tmp_path, f"docker-{target}"))


def test_names_base_and_arguments_can_be_chosen(tmp_path: Path) -> None:
    """For a registry, another Python, and a network that needs it."""
    chosen = ["IMAGE=here/gputail", "TAG=next", "PYTHON_IMAGE=python:3.13-slim", "DOCKER_ARGS=--network=host"]
    expected = ["build", "--build-arg", "PYTHON_IMAGE=python:3.13-slim", "--network=host"]
    expected += ["--target", "api", "--tag", "here/gputail-api:next", "."]
    assert expected == asked(make(tmp_path, "docker-api", *chosen))


@pytest.mark.parametrize("target", ["docker", "docker-api"])
def test_without_docker_one_line_says_so(tmp_path: Path, target: str) -> None:
    """And where to get it."""
    done = make(tmp_path, target, has_docker=False)
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert f"docker is not installed, and `make {target}` needs it: https://" in done.stderr
