"""Where a GPU's rows lie: its blocks, and the tails of its shelf, in the order of their first times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import apsw
import numpy as np

from query.views import blocks, tails
from query.views.blocks import Series
from query.views.columns import Rows
from query.views.compaction_limits import BLOCK_SPAN_MS_MAX
from query.views.tails import SHELF_GPUS

_INT64: Final = np.iinfo(np.int64)

_SOURCES: Final = """
SELECT 0, id, first_ms FROM blocks
    WHERE gpu = :gpu AND first_ms BETWEEN :from_ms AND :end_ms AND last_ms >= :start_ms
UNION ALL
SELECT 1, id, first_ms FROM tails
    WHERE shelf = :shelf AND first_ms <= :end_ms AND last_ms >= :start_ms
ORDER BY 3
"""


class Source(NamedTuple):
    """A tail or a block; none of its rows is from before `first_ms`."""

    is_tail: int
    id: int
    first_ms: int


def sources(connection: apsw.Connection, gpu: int, start_ms: int, end_ms: int) -> Iterator[Source]:
    """Those that may have rows of the GPU from within these times, both inclusive."""
    rows = connection.execute(
        _SOURCES,
        {
            "gpu": gpu,
            "shelf": gpu // SHELF_GPUS,
            "from_ms": max(start_ms - BLOCK_SPAN_MS_MAX, int(_INT64.min)),
            "start_ms": start_ms,
            "end_ms": end_ms,
        },
    )
    return (Source(*row) for row in rows)


def tail_rows(connection: apsw.Connection, source: Source, gpu: int) -> Rows:
    """The GPU's rows in a tail."""
    blob = connection.execute("SELECT data FROM tails WHERE id = ?", (source.id,)).get
    return tails.decode(blob, gpu)


def block_series(
    connection: apsw.Connection, source: Source, gpu: int, metrics: frozenset[int] | None
) -> list[Series]:
    """The series of a block, or those of some metrics; not decoded."""
    blob = connection.execute("SELECT data FROM blocks WHERE id = ?", (source.id,)).get
    return list(blocks.series_of(blob, gpu, metrics))
