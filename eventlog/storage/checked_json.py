"""Small metadata files: JSON that a person can read, with a checksum that a flipped bit cannot pass.

    {"format": 1, "crc32c": "9a71bb4c", "body": {...}}

The checksum is the CRC-32C of the body, written compactly with sorted keys in UTF-8.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eventlog.errors import DamagedMetadataError, NewerFormatError
from eventlog.record.checksum import crc32c

FORMAT = 1


def pack_json(body: dict[str, Any]) -> bytes:
    """The file's content."""
    envelope = {"format": FORMAT, "crc32c": _checksum(body), "body": body}
    return (json.dumps(envelope, indent=1, sort_keys=True) + "\n").encode()


def unpack_json(data: bytes, path: Path) -> dict[str, Any]:
    """The body; DamagedMetadataError or NewerFormatError, naming `path`, where it cannot be believed."""
    try:
        envelope = json.loads(data)
        version, checksum, body = envelope["format"], envelope["crc32c"], envelope["body"]
    except (ValueError, KeyError, TypeError):
        raise _damaged(path) from None
    if isinstance(version, int) and version > FORMAT:
        raise NewerFormatError(f"{path} has format {version}, this gputail knows {FORMAT}; upgrade gputail")
    if version != FORMAT or not isinstance(body, dict) or checksum != _checksum(body):
        raise _damaged(path)
    return body


def _checksum(body: object) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return f"{crc32c(text.encode()):08x}"


def _damaged(path: Path) -> DamagedMetadataError:
    return DamagedMetadataError(f"{path} does not match its checksum; restore it from a copy")
