"""The pipe to a supervisor: its end is a SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from gputail.parent import VARIABLE, watch_parent
from tests.documents import ROOT

CHILD = """
import os, signal, sys
from gputail import parent
parent.GRACE_S = float(sys.argv[1])
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
parent.watch_parent()
assert parent.VARIABLE not in os.environ
print("watching", flush=True)
sys.stdin.read()
"""


def child(number: int, *arguments: str) -> subprocess.Popen[str]:
    """A process that watches the pipe behind a file descriptor, and does nothing else."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=ROOT,
        env={**os.environ, VARIABLE: str(number)},
        pass_fds=[number],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "watching\n" == process.stdout.readline()
    return process


@pytest.mark.parametrize(("kind", "number"), [("", signal.SIGTERM), ("deaf", signal.SIGKILL)])
def test_the_end_of_the_pipe_ends_the_child(kind: str, number: signal.Signals) -> None:
    """By SIGTERM; and by force, where that does not do."""
    pipe, held = os.pipe()
    with child(pipe, "0.1", kind) as process:
        os.close(pipe)
        assert process.poll() is None
        os.close(held)
        assert -number == process.wait(20)


def test_without_a_supervisor_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that a person starts has none."""
    monkeypatch.delenv(VARIABLE, raising=False)

    watch_parent()


@pytest.mark.parametrize("text", ["", "x", "-1", "0x3", "987654"])
def test_what_is_no_pipe_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """In one line that names the variable."""
    monkeypatch.setenv(VARIABLE, text)

    with pytest.raises(OSError, match=VARIABLE):
        watch_parent()
