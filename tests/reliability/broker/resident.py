"""The memory of another process."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def resident_mib(pid: int) -> float:
    """Its resident set, as `ps` tells it."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True, text=True)
    return int(told.stdout) / 1024


def peak_mib(pid: int) -> float:
    """The largest that it ever was, where the system knows it; else what it is now."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return resident_mib(pid)
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
