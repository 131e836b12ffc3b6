"""The builds of a store, as its table `builds` has them."""

from __future__ import annotations

from typing import Any, Final

import attrs

from query.views.model import Build
from query.views.postgres.session import Session
from query.views.projections import decode

_ROWS: Final = """
SELECT b.id, b.name, b.role, b.format_version, b.projections, b.created_at_ms, c.build IS NOT NULL
    FROM builds b LEFT JOIN current c ON c.build = b.id
"""
_ALL: Final = f"{_ROWS} ORDER BY b.name"
_CURRENT: Final = f"{_ROWS} WHERE c.build IS NOT NULL"
_NAMED: Final = f"{_ROWS} WHERE b.name = $1"


@attrs.frozen
class BuildRow:
    """A build, and what the store says of it."""

    number: int
    build: Build
    role: str | None
    """'next', 'part' or 'kept'; None: it is current, or has been replaced or dropped."""
    is_current: bool


def current_row(session: Session) -> BuildRow | None:
    """The build that is read."""
    return next(map(_row, session.rows(_CURRENT)), None)


def row_named(session: Session, name: str) -> BuildRow | None:
    """The build of a name."""
    return next(map(_row, session.rows(_NAMED, name)), None)


def all_rows(session: Session) -> list[BuildRow]:
    """All of them, in the order of their names."""
    return list(map(_row, session.rows(_ALL)))


def _row(stored: tuple[Any, ...]) -> BuildRow:
    number, name, role, format_version, projections, created_at_ms, is_current = stored
    build = Build(name, format_version, decode(projections), created_at_ms)
    return BuildRow(number, build, role, is_current)
