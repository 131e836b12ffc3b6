"""The names in a data directory, and its `meta.json`.

The body of `meta.json`: {"cluster_id": "<22 characters>"}, made once and kept for the directory's life.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Collection
from pathlib import Path

from eventlog.errors import DamagedMetadataError, ForeignFileError
from eventlog.storage.checked_json import pack_json, unpack_json
from eventlog.storage.partition_files import UNFINISHED_SUFFIX

LOCK_NAME = "lock"
META_NAME = "meta.json"
TOPICS_NAME = "topics"
DELETING_NAME = "deleting"
GROUPS_NAME = "groups"
"""The offsets log; see `eventlog.group`."""
QUARANTINE_NAME = "quarantine"

_BEFORE_META = {LOCK_NAME, META_NAME + UNFINISHED_SUFFIX, TOPICS_NAME, DELETING_NAME, "lost+found"}
"""What may stand in a directory whose making was interrupted, or in the root of a new volume."""


def check_new_directory(path: Path, names: Collection[str]) -> None:
    """ForeignFileError where a directory without `meta.json` holds something that is not ours."""
    foreign = sorted(name for name in names if name not in _BEFORE_META and not name.startswith("."))
    if META_NAME not in names and foreign:
        raise ForeignFileError(
            f"{path} holds {foreign[0]!r} but no {META_NAME}: it is not a data directory; choose an empty one"
        )


def new_meta() -> tuple[str, bytes]:
    """A new cluster id, and the content of the `meta.json` that holds it."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return cluster_id, pack_json({"cluster_id": cluster_id})


def read_meta(data: bytes, path: Path) -> str:
    """The cluster id in `meta.json`."""
    cluster_id = unpack_json(data, path).get("cluster_id")
    if not isinstance(cluster_id, str):
        raise DamagedMetadataError(f"{path} names no cluster id; restore it from a copy")
    return cluster_id
