"""The SQLite that the views are kept by."""

from __future__ import annotations

from typing import Final

import apsw

REPAIRED: Final = (3, 51, 3)
"""The first one without the WAL-reset bug: before, two connections that write can lose committed pages."""


def sqlite_version() -> tuple[int, ...]:
    """The version that is loaded, such as (3, 51, 3)."""
    return tuple(int(part) for part in apsw.sqlite_lib_version().split(".")[:3])
