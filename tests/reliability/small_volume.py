"""A volume that is soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventlog.storage.disk import Disk, PosixDisk
from tests.reliability.disks.faulty import FaultyDisk


@contextmanager
def mounted_or_counted(folder: Path, size_bytes: int) -> Iterator[tuple[Disk, Path]]:
    """A tmpfs where one may be mounted, else real files on a volume that says it is that small.

    `folder` is made; the path that is given is a data directory below it.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    real = PosixDisk()
    try:
        is_mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except OSError:
        is_mounted = False
    try:
        yield real if is_mounted else FaultyDisk(real, capacity_bytes=size_bytes), folder / "data"
    finally:
        real.close()
        if is_mounted:
            # Lazily: where a check has failed, files may be open still.
            subprocess.run(["umount", "-l", str(folder)], check=True)
