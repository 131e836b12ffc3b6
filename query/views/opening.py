"""Opening a view store by its address.

sqlite:///DIR       a folder on a local disk; four slashes for an absolute one
memory://NAME       in this process only, shared by all that open the same name
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from query.views.building import Builds
from query.views.errors import BadViewsError
from query.views.memory import shared_views
from query.views.memory_builds import MemoryBuilds
from query.views.sqlite_builds import SQLiteBuilds
from query.views.sqlite_folder import SQLiteFolder
from query.views.sqlite_reader import SQLiteViewReader
from query.views.sqlite_writer import SQLiteViewWriter
from query.views.store import ViewReader, ViewWriter

_FORMS: Final = "use sqlite:///DIR (sqlite:////DIR from the root) or memory://NAME"


def open_writer(url: str, *, projections: Mapping[str, int], retention_ms: int | None) -> ViewWriter:
    """A writer, for projections of these versions (by name); makes the first build where there is none.

    `retention_ms`: samples that were observed longer ago are dropped by `maintain`; None: never.

    Raises:
        BadViewsError: the address, the folder, the format or the projections of what is there do not fit.
        ViewUnavailableError: the store cannot be opened now.
    """
    place = _place(url)
    if isinstance(place, Path):
        return SQLiteViewWriter(SQLiteFolder(place), projections=projections, retention_ms=retention_ms)
    return shared_views(place).writer(projections=projections, retention_ms=retention_ms)


def open_reader(url: str) -> ViewReader:
    """A reader; there need not be a view yet: its calls then raise ViewUnavailableError.

    Raises:
        BadViewsError: the address is none.
    """
    place = _place(url)
    if isinstance(place, Path):
        return SQLiteViewReader(SQLiteFolder(place))
    return shared_views(place).reader()


def open_builds(url: str) -> Builds:
    """The builds of a view store; there need not be any yet.

    Raises:
        BadViewsError: the address is none.
    """
    place = _place(url)
    if isinstance(place, Path):
        return SQLiteBuilds(SQLiteFolder(place))
    return MemoryBuilds(shared_views(place))


def _place(url: str) -> Path | str:
    """A folder, or the name of views in memory."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadViewsError(f"that is not the URL of views; {_FORMS}") from None
    if "@" in parts.netloc:
        # The text before "@" may be a password: it is not repeated.
        raise BadViewsError(f"the URL of views holds no user or password; {_FORMS}")
    if parts.query or parts.fragment:
        raise BadViewsError(f"{url!r}: nothing may follow the folder or name; {_FORMS}")
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        return Path(unquote(parts.path[1:]))
    if parts.scheme == "memory" and parts.netloc and not parts.path:
        return parts.netloc
    raise BadViewsError(f"{url!r} is not the URL of views; {_FORMS}")
