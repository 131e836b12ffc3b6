"""The examples of a broker and its clients in docs/broker.md run as they stand, but for the port."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT, section
from tests.eventlog.broker.running import RunningBroker, running_broker

EXAMPLES = section((ROOT / "docs" / "broker.md").read_text(encoding="utf-8"), "Try it")
PORT_IN_EXAMPLES = "127.0.0.1:9092"


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", EXAMPLES, re.MULTILINE | re.DOTALL)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RunningBroker]:
    with running_broker(tmp_path / "data") as running:
        yield running


def run(broker: RunningBroker, tmp_path: Path, *command: str) -> str:
    """What the command prints; the `gputail` that it finds is this one."""
    script = tmp_path / "bin" / "gputail"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gputail "$@"\n')
    script.chmod(0o755)
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "PATH": f"{script.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GPUTAIL_BOOTSTRAP_SERVERS": broker.bootstrap,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_kcat_and_python(broker: RunningBroker, tmp_path: Path) -> None:
    """What kcat produces is there for kcat, and for a consumer in Python together with what that produced."""
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed (apt install kcat)")
    start, commands = snippets("sh")
    assert start.startswith("gputail broker --data-dir ")
    printed = run(broker, tmp_path, "sh", "-ec", commands.replace(PORT_IN_EXAMPLES, broker.bootstrap))
    assert ["GPU-0 54", "GPU-0 55", "GPU-1 61"] == sorted(re.findall(r"^GPU-\d \d+$", printed, re.MULTILINE))
    (program,) = snippets("python")
    program = program.replace(PORT_IN_EXAMPLES, broker.bootstrap)
    assert 10 == len([line for line in program.splitlines() if line.strip()])
    expected = sorted([54, 61, 55, *range(54, 64)])
    assert f"{expected}\n" == run(broker, tmp_path, sys.executable, "-c", program)
    assert "readme" in run(broker, tmp_path, "gputail", "group", "describe", "readme")
