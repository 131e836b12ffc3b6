"""`gputail up` as a newcomer runs it: its lines, its processes, its end."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.acceptance.api import Api, wait_until
from tests.acceptance.process import command, environment
from tests.documents import ROOT

LINE_S_MAX = 60.0
END_S_MAX = 60.0
ANY_PORTS = ("--listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0")
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the one whose ^C comes to us, then becomes the command."""
ROOM = {"GPUTAIL_FREE_BYTES_MIN": "0", "GPUTAIL_SESSION_S": "6"}
"""The broker needs no free gigabyte for a test, and who is killed is missed soon."""


class RunningUp:
    """One run; `lines` are what it says on stdout, `errors` what on stderr."""

    def __init__(
        self, *options: str, on_terminal: bool = False, variables: Mapping[str, str] = ROOM, cwd: Path = ROOT
    ) -> None:
        self.lines: list[str] = []
        ours, theirs = pty.openpty() if on_terminal else os.pipe()
        wanted = command("up", *options)
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *wanted] if on_terminal else wanted,
            cwd=cwd,
            env=environment(PYTHONPATH=str(ROOT), TERM="xterm", COLUMNS="100", **variables),
            stdin=theirs if on_terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        os.close(theirs)
        self.terminal = ours
        self.text = ""
        self._moved = threading.Condition()
        self._is_at_end = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # --- what it says --------------------------------------------------------------------------

    def wait_for(self, pattern: str, timeout_s: float = LINE_S_MAX) -> re.Match[str]:
        """The first place in its output that matches."""
        with self._moved:
            self._moved.wait_for(lambda: self._is_at_end or re.search(pattern, self.text), timeout_s)
            found = re.search(pattern, self.text)
        assert found is not None, f"no {pattern!r} in {self.text!r}"
        return found

    def paste(self) -> tuple[str, str, str]:
        """The three lines that it gives to paste, as soon as they are there."""
        found = self.wait_for(r"can be queried; try\r?\n  (.*)\r?\n  (.*)\r?\n  (.*)\r?\n")
        swagger, curl, verify = (line.strip() for line in found.groups())
        return swagger, curl, verify

    @property
    def api(self) -> Api:
        """The API, once something can be queried."""
        parts = urlsplit(self.paste()[0])
        return Api(f"{parts.scheme}://{parts.netloc}")

    def count(self, pattern: str) -> int:
        """How often it has said so."""
        with self._moved:
            return len(re.findall(pattern, self.text))

    # --- its processes -------------------------------------------------------------------------

    def children(self) -> dict[str, int]:
        """The pids of its children that run, by their names."""
        found = {}
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    words = child.cmdline()
                    if "--instance-id" in words:
                        name = words[words.index("--instance-id") + 1].rpartition("-")[0]
                        found[name] = child.pid
        return found

    # --- its end -------------------------------------------------------------------------------

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its exit code, once it has ended and said all."""
        code = self.process.wait(END_S_MAX)
        self._reader.join(END_S_MAX)
        return code

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """A signal, and wait; the exit code."""
        self.send(number)
        return self.wait()

    @property
    def errors(self) -> str:
        """What it said on stderr; only once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        """End it and its children however they are."""
        pids = self.children()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        wait_until(lambda: not any(map(psutil.pid_exists, pids.values())), "no orphan is left")
        self._reader.join(END_S_MAX)
        os.close(self.terminal)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:  # the other end of a terminal was closed
                piece = b""
            with self._moved:
                self.text += piece.decode(errors="replace")
                self._is_at_end = not piece
                self._moved.notify_all()
            if not piece:
                return


@contextlib.contextmanager
def running_up(
    data_dir: Path,
    *options: str,
    on_terminal: bool = False,
    variables: Mapping[str, str] = ROOM,
    ports: tuple[str, ...] = ANY_PORTS,
) -> Iterator[RunningUp]:
    """A run on free ports, ended with the block."""
    up = RunningUp(
        "--data-dir", str(data_dir), *ports, *options, on_terminal=on_terminal, variables=variables
    )
    try:
        yield up
    finally:
        up.close()
