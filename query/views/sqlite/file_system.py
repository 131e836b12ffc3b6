"""Which file system a folder is on: SQLite's shared memory and locks do not work over a network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from query.views.errors import BadViewsError

# Not 9p: sandboxes and virtual machines give a program its own local disk over it.
_KERNEL: Final = "afs beegfs ceph cifs glusterfs gpfs lustre ncpfs nfs nfs4 orangefs smb3 smbfs"
_FUSE: Final = """
blobfuse blobfuse2 ceph-fuse curlftpfs davfs gcsfuse glusterfs goofys hdfs juicefs lizardfs mfs moosefs
mount-s3 mountpoint-s3 rclone s3fs seaweedfs smbnetfs sshfs
"""
NETWORK: Final = frozenset([*_KERNEL.split(), *(f"fuse.{name}" for name in _FUSE.split())])
"""Types as the kernel names them."""

_MOUNTS: Final = Path("/proc/self/mountinfo")


def refuse_network(folder: Path, mounts: Path = _MOUNTS) -> None:
    """Raise BadViewsError where the folder is on a file system that other machines share.

    Where the kernel has no list of mounts (macOS), nothing is refused here.
    """
    kind = file_system_of(folder, mounts)
    if kind in NETWORK:
        raise BadViewsError(f"{folder} is on a network file system ({kind}); keep views on a local disk")


def file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of its file system; None where it cannot be told."""
    try:
        device = os.stat(folder).st_dev
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        # "36 35 98:0 /root /mount/point options [optional fields] - type source options": proc(5)
        fields = line.split()
        if fields[2] == wanted and "-" in fields:
            return fields[fields.index("-") + 1]
    return None
