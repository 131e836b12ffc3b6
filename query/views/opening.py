"""Opening a view store by its address.

sqlite:///DIR       a folder on a local disk; four slashes for an absolute one
postgresql://...    a database of PostgreSQL; its adapter is imported on use, and needs the extra `postgres`
memory://NAME       in this process only, shared by all that open the same name
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import attrs

from query.views.building import Builds
from query.views.database import ViewDatabase
from query.views.errors import BadViewsError
from query.views.memory import shared_views
from query.views.memory_builds import MemoryBuilds
from query.views.reading import BlockViewReader
from query.views.sqlite.builds import SQLiteBuilds
from query.views.sqlite.database import SQLiteDatabase
from query.views.sqlite.folder import SQLiteFolder
from query.views.store import ViewReader, ViewWriter
from query.views.url import ViewsURL, is_postgres
from query.views.writing import BlockViewWriter

_FORMS: Final = (
    "use sqlite:///DIR (sqlite:////DIR from the root), postgresql://USER@HOST/DATABASE or memory://NAME"
)


@attrs.frozen
class _Adapter:
    """A store in a database."""

    database: Callable[[], ViewDatabase]
    builds: Callable[[], Builds]


def open_writer(url: str, *, projections: Mapping[str, int], retention_ms: int | None) -> ViewWriter:
    """A writer, for projections of these versions (by name); makes the first build where there is none.

    `retention_ms`: samples that were observed longer ago are dropped by `maintain`; None: never.

    Raises:
        BadViewsError: the address, the folder, the format or the projections of what is there do not fit.
        ViewUnavailableError: the store cannot be opened now.
    """
    place = _place(url)
    if isinstance(place, _Adapter):
        return BlockViewWriter(place.database(), projections=projections, retention_ms=retention_ms)
    return shared_views(place).writer(projections=projections, retention_ms=retention_ms)


def open_reader(url: str) -> ViewReader:
    """A reader; there need not be a view yet: its calls then raise ViewUnavailableError.

    Raises:
        BadViewsError: the address is none.
    """
    place = _place(url)
    if isinstance(place, _Adapter):
        return BlockViewReader(place.database())
    return shared_views(place).reader()


def open_builds(url: str) -> Builds:
    """The builds of a view store; there need not be any yet.

    Raises:
        BadViewsError: the address is none.
    """
    place = _place(url)
    if isinstance(place, _Adapter):
        return place.builds()
    return MemoryBuilds(shared_views(place))


def _place(url: str) -> _Adapter | str:
    """A store in a database, or the name of views in memory."""
    if is_postgres(url):
        return _postgres(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadViewsError(f"that is not the URL of views; {_FORMS}") from None
    if "@" in parts.netloc:
        # The text before "@" may be a password: it is not repeated.
        raise BadViewsError(f"the URL of these views holds no user or password; {_FORMS}")
    shown = repr(str(ViewsURL(url)))
    if parts.query or parts.fragment:
        raise BadViewsError(f"{shown}: nothing may follow the folder or name; {_FORMS}")
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        return _sqlite(Path(unquote(parts.path[1:])))
    if parts.scheme == "memory" and parts.netloc and not parts.path:
        return parts.netloc
    raise BadViewsError(f"{shown} is not the URL of views; {_FORMS}")


def _sqlite(path: Path) -> _Adapter:
    folder = SQLiteFolder(path)
    return _Adapter(lambda: SQLiteDatabase(folder), lambda: SQLiteBuilds(folder))


def _postgres(url: str) -> _Adapter:
    from query.views.postgres.address import parse  # noqa: PLC0415  # on use, as is said above

    address = parse(url)
    try:
        from query.views.postgres.builds import PostgresBuilds  # noqa: PLC0415
        from query.views.postgres.database import PostgresDatabase  # noqa: PLC0415
    except ImportError as error:
        if (error.name or "").startswith("query."):
            raise
        reason = " ".join(str(error).split())
        raise BadViewsError(
            f"views in PostgreSQL need a library that is missing ({reason}); pip install 'gputail[postgres]'"
        ) from error
    return _Adapter(lambda: PostgresDatabase(address), lambda: PostgresBuilds(address))
