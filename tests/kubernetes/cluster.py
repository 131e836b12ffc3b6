"""The cluster that a test may use, by `kubectl` and `helm`: one namespace of the context that was named."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import attrs

COMMAND_S_MAX = 600.0
FORWARD_S_MAX = 30.0


@attrs.frozen
class Cluster:
    """One namespace of the cluster of a context; whatever is current elsewhere is not looked at."""

    context: str
    namespace: str

    def kubectl(self, *arguments: str) -> str:
        """What a command prints; AssertionError with what it says where it fails."""
        return _output(*self._kubectl(*arguments))

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """The items of `kubectl get`."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", *arguments, "--output", "json"))["items"]
        return items

    def helm(self, *arguments: str) -> str:
        """What a command prints; AssertionError with what it says where it fails."""
        return _output("helm", "--kube-context", self.context, "--namespace", self.namespace, *arguments)

    def lines(self, *arguments: str) -> Iterator[str]:
        """What a `kubectl` command prints, line by line as it comes: it may be much."""
        with subprocess.Popen(
            self._kubectl(*arguments), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            yield from process.stdout
        assert 0 == process.returncode, f"{arguments}: exit code {process.returncode}"

    @contextlib.contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to one of the cluster, for as long as the block."""
        with subprocess.Popen(
            self._kubectl("port-forward", target, f":{port}", "--address", "127.0.0.1"),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            # It tells of every connection, and would stand still once nobody has read for a while.
            reader = threading.Thread(target=deque, args=(process.stdout, 0), daemon=True)
            try:
                taken = forwarded_port(process.stdout.readline())
                reader.start()
                yield taken
            finally:
                process.terminate()
                if reader.ident is not None:
                    reader.join(FORWARD_S_MAX)

    def _kubectl(self, *arguments: str) -> list[str]:
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *arguments]


def forwarded_port(line: str) -> int:
    """The port that `kubectl port-forward` took, from its first line."""
    found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", line)
    assert found, f"kubectl port-forward says {line!r}"
    return int(found[1])


def _output(*command: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=COMMAND_S_MAX,
        check=False,
    )
    assert 0 == done.returncode, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout
