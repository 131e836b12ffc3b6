"""The tables of days: the bytes of the blocks that are full."""

from __future__ import annotations

from typing import Final

from query.views.postgres.session import Session

DAY_MS: Final = 86_400_000
DAY_MAX: Final = 100_000
"""In the year 2243; what is stamped later, or before 1970, goes with the last day or the first."""

_DAY: Final = """
CREATE TABLE {table} (
    id bigint PRIMARY KEY,
    data bytea NOT NULL
);
ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL
"""


def day_of(time_ms: int) -> int:
    """The day whose table has the data of a block that ends at that time."""
    return min(max(time_ms // DAY_MS, 0), DAY_MAX)


def day_table(day: int) -> str:
    """Its name."""
    return f"day_{day}"


def make_day(session: Session, day: int) -> None:
    """The table of a day, within the caller's transaction; in the first schema of the search path."""
    session.script(_DAY.format(table=day_table(day)))
