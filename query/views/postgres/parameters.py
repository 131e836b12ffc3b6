"""Parameters of statements, as they are sent: in the form of a text but for bytes."""

from __future__ import annotations

from typing import Any


def encoded(value: Any) -> bytes | None:
    """A parameter: None, bool, int, str, bytes, or a list of int, None or str."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"{%s}" % b",".join(map(_element, value))
    if isinstance(value, bool):
        return b"t" if value else b"f"
    return value.encode() if isinstance(value, str) else b"%d" % value


def _element(value: int | str | None) -> bytes:
    """One of an array's."""
    if value is None:
        return b"NULL"
    if isinstance(value, str):
        return b'"%s"' % value.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b"%d" % value
