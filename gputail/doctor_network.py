"""What `gputail doctor` asks of ports, and of a broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from eventlog.client.errors import EventLogError
from eventlog.remote.commands import connect
from gputail.doctor_finding import Finding, Verdict
from gputail.endpoint import Endpoint
from gputail.ports import is_free
from ingest.clock import Clock

PORTS: Final = (("broker", 9092), ("API", 8080), ("metrics", 9644))
"""The defaults."""
PROC: Final = Path("/proc")
_LISTENS: Final = "0A"


def ports(proc: Path = PROC) -> Iterator[Finding]:
    """Whether the default ports are free, and if not who listens there."""
    for noun, port in PORTS:
        yield port_of(noun, Endpoint("127.0.0.1", port), proc)


def port_of(noun: str, endpoint: Endpoint, proc: Path = PROC) -> Finding:
    """One of them."""
    name = f"port {endpoint.port}"
    if is_free(endpoint):
        return Finding(name, Verdict.FINE, f"free for the {noun}")
    owner = listener_of(endpoint.port, proc) or "another process"
    advice = "`gputail up` takes the next free one; started by hand, name another with --listen"
    return Finding(name, Verdict.NOTE, f"taken by {owner}", advice)


def listener_of(port: int, proc: Path = PROC) -> str | None:
    """The process that listens on a port, as far as this user may know; None where the system has no /proc.

    /proc/net/tcp has local address:port in hexadecimal, the state and the socket's inode: proc(5).
    """
    inodes = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTENS:
                    inodes.add(f"socket:[{fields[9]}]")
    for process in sorted(proc.glob("[0-9]*")) if inodes else ():
        with suppress(OSError):
            if any(str(file.readlink()) in inodes for file in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return None


def broker(servers: str, timeout_s: float, clock: Clock) -> Finding:
    """Whether a broker answers, and how fast."""
    try:
        with connect(servers, timeout_s) as cluster:
            begun_s = clock.monotonic_s()
            found = cluster.describe_cluster()
            taken_s = clock.monotonic_s() - begun_s
    except EventLogError as error:
        return Finding("broker", Verdict.MEND, str(error), "see to it, or to --bootstrap-servers")
    said = f"cluster {found.cluster_id} at {servers} answers within {taken_s * 1000:.0f} ms"
    return Finding("broker", Verdict.FINE, said)
