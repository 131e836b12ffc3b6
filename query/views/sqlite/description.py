"""What the database of a build says of it."""

from __future__ import annotations

import apsw

from query.views.columns import DamagedBlobError
from query.views.model import Build
from query.views.projections import decode
from query.views.sqlite.connection import select_one


def read_build(connection: apsw.Connection) -> Build:
    """Name, format, projections and age of the build."""
    row = select_one(
        connection, (str, int, str, int), "SELECT name, format_version, projections, created_at_ms FROM view"
    )
    if row is None:
        raise DamagedBlobError("it does not say which build it is")
    name, format_version, projections, created_at_ms = row
    return Build(name, format_version, decode(projections), created_at_ms)
