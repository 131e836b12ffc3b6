"""Questions about how far the current build is: each is one statement, which needs no transaction."""

from __future__ import annotations

from typing import Final

from query.views.model import RefusedLog, ViewStatus
from query.views.postgres.head import HEAD_COLUMNS, HEAD_TABLES, Head
from query.views.postgres.pool import ReadPool
from query.views.postgres.texts import restored

_AS_OF: Final = f"SELECT (SELECT build FROM current), c.partition, c.next_offset FROM {HEAD_TABLES}"  # noqa: S608
_STATUS: Final = f"""
SELECT (SELECT build FROM current), {HEAD_COLUMNS}, r.topic_id, r.reason, r.noted_at_ms,
        EXISTS (SELECT FROM gaps)
    FROM {HEAD_TABLES} LEFT JOIN refused_log r ON true
"""  # noqa: S608
_BESIDE: Final = """
SELECT (SELECT build FROM current), b.name FROM view LEFT JOIN builds b ON b.role = 'next' ORDER BY b.name
"""


def as_of(pool: ReadPool) -> dict[int, int]:
    """The checkpoints, by partition."""
    _, rows = pool.rows(_AS_OF)
    return {partition: next_offset for _, partition, next_offset in rows if partition is not None}


def status(pool: ReadPool) -> ViewStatus | None:
    """How far it is; None: it has gaps, which take a statement more."""
    build, rows = pool.rows(_STATUS)
    head = Head.of_rows([row[1:10] for row in rows])
    topic_id, reason, noted_at_ms, has_gaps = rows[0][10:]
    if has_gaps:
        return None
    refused = None if topic_id is None else RefusedLog(restored(topic_id), restored(reason), noted_at_ms)
    return ViewStatus(build, head.checkpoints(), [], refused)


def names_beside(pool: ReadPool) -> list[str]:
    """The builds that are made to be read, in the order of their names."""
    _, rows = pool.rows(_BESIDE)
    return [name for _, name in rows if name is not None]
