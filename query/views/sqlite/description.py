"""What the database of a build says of it."""

from __future__ import annotations

import json

import apsw

from query.views.columns import DamagedBlobError
from query.views.model import Build
from query.views.sqlite.connection import sound


def read_build(connection: apsw.Connection) -> Build:
    """Name, format, projections and age of the build."""
    row = connection.execute("SELECT name, format_version, projections, created_at_ms FROM view").get
    if row is None:
        raise DamagedBlobError("it does not say which build it is")
    name, format_version, projections, created_at_ms = sound(row, (str, int, str, int))
    try:
        versions = dict(json.loads(projections))
    except (TypeError, ValueError) as error:
        raise DamagedBlobError("the versions of its projections are wrong") from error
    return Build(name, format_version, versions, created_at_ms)
