"""Reading the tables of a build at one moment.

A moment is a transaction that begins with its first statement, in the same round trip. Nearly every question
needs the topic, the checkpoints, and whether there are new GPUs or metrics: one statement, the head, has all
of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from query.views.compaction_limits import BLOCK_SPAN_MS_MAX
from query.views.dictionaries import stored_metric
from query.views.model import Checkpoint, Gap, Metric, Origin, RefusedLog
from query.views.postgres.blobs import BlobKey, BlobsAhead
from query.views.postgres.head import HEAD, ORIGINS, Head, origins_of
from query.views.postgres.known import Known
from query.views.postgres.session import Row, Session, Statement
from query.views.postgres.texts import restored, stored
from query.views.store import AsOf
from query.views.tables import LogSource, Moment, Rack, Source
from query.views.tails import SHELF_GPUS

BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_INT64_MIN: Final = -(2**63)
_SOURCES_FIRST: Final = 256
"""Sources that are looked for at once; twice as many each time that more are asked for."""

# Each of the parts ends by itself: a GPU may have a year of blocks, of which the first few are asked for.
_SOURCES: Final = """
SELECT * FROM (
    (SELECT 0 AS is_tail, id, first_ms, day FROM blocks
        WHERE gpu = $1::int AND first_ms BETWEEN $3::bigint AND $6::bigint AND last_ms >= $5::bigint
        ORDER BY first_ms LIMIT $7::int)
    UNION ALL
    (SELECT 0, id, first_ms, NULL FROM young_blocks
        WHERE gpu = $1 AND first_ms BETWEEN $3 AND $6 AND last_ms >= $5 ORDER BY first_ms LIMIT $7)
    UNION ALL
    (SELECT 1, id, first_ms, NULL FROM tails
        WHERE shelf = $2::int AND first_ms BETWEEN $4::bigint AND $6 AND last_ms >= $5
        ORDER BY first_ms LIMIT $7)
) AS sources ORDER BY first_ms LIMIT $7
"""
# OFFSET 0: looked up in the index for each of the starts, and not joined with all blocks of the GPU.
_LOG_SOURCES: Final = """
SELECT found.* FROM unnest($2::int[], $3::bigint[]) AS start (partition, next_offset)
    CROSS JOIN LATERAL (
        (SELECT partition, first_offset, last_offset, id, day FROM blocks
            WHERE gpu = $1::int AND partition = start.partition AND last_offset >= start.next_offset
            OFFSET 0)
        UNION ALL
        (SELECT partition, first_offset, last_offset, id, NULL FROM young_blocks
            WHERE gpu = $1 AND partition = start.partition AND last_offset >= start.next_offset
            OFFSET 0)
    ) AS found
"""
_SEVERAL: Final = -1  # the partition of blocks whose rows are of several


class PostgresMoment(Moment):
    """See `Moment`.

    Args:
        session: no transaction was begun on it, unless a head is given.
        known: of the build that the session's search path begins with.
        begin: the statement that begins the transaction.
        head: what was read when the transaction was begun.
    """

    def __init__(
        self, session: Session, known: Known, begin: str = BEGIN_READING, head: Head | None = None
    ) -> None:
        self._session = session
        self._known = known
        self._unsent: list[Statement] = [] if head else [(begin, ())]
        self._read_head = head
        self._ahead = BlobsAhead(self._ask_all, known.blobs)

    @property
    def is_begun(self) -> bool:
        """Whether a statement has been sent, and has to be ended."""
        return self._session.in_transaction

    # --- statements ----------------------------------------------------------------------------

    def _ask(self, text: str, *parameters: Any) -> list[Row]:
        return self._ask_all((text, parameters))[0]

    def _ask_all(self, *statements: Statement) -> list[list[Row]]:
        """What these find, after what was not sent yet, in one round trip."""
        before, self._unsent = self._unsent, []
        return self._session.run(*before, *statements)[len(before) :]

    def _head(self) -> Head:
        if self._read_head is None:
            self._read_head = Head.of_rows(self._ask(HEAD))
        return self._read_head

    # --- how far the log was applied -----------------------------------------------------------

    def topic(self) -> tuple[str, str] | None:
        return self._head().topic

    def next_offsets(self) -> dict[int, int]:
        return self._head().next_offsets()

    def checkpoints(self) -> list[Checkpoint]:
        return self._head().checkpoints()

    def origins(self) -> Mapping[int, Mapping[str, Origin]]:
        return origins_of(self._ask(ORIGINS))

    def gaps(self) -> list[Gap]:
        rows = self._ask(
            'SELECT partition, first, "end", reason, noted_at_ms FROM gaps ORDER BY partition, first'
        )
        return [Gap(row[0], row[1], row[2], restored(row[3]), row[4]) for row in rows]

    def refused_log(self) -> RefusedLog | None:
        rows = self._ask("SELECT topic_id, reason, noted_at_ms FROM refused_log")
        return next((RefusedLog(restored(row[0]), restored(row[1]), row[2]) for row in rows), None)

    # --- dictionaries --------------------------------------------------------------------------

    def gpu_number(self, gpu_id: str) -> int | None:
        known = self._known.gpu_numbers.get(gpu_id)
        if known is not None:
            return known
        for (number,) in self._ask("SELECT id FROM gpus WHERE uuid = $1", stored(gpu_id)):
            self._known.gpu_numbers[gpu_id] = number
            return int(number)
        return None

    def gpus_from(self, number: int) -> list[str]:
        if number >= self._head().gpu_count:
            return []
        return [
            restored(uuid)
            for (uuid,) in self._ask("SELECT uuid FROM gpus WHERE id >= $1::int ORDER BY id", number)
        ]

    def metrics(self) -> list[Metric]:
        version, metrics = self._known.metrics
        wanted = self._head().metrics_version
        if version == wanted:
            return metrics
        metrics = [
            _metric(row) for row in self._ask("SELECT name, unit, kind, description FROM metrics ORDER BY id")
        ]
        self._known.metrics = (wanted, metrics)
        return metrics

    def label_set_texts(self, numbers: Sequence[int]) -> Mapping[int, str]:
        if not numbers:
            return {}
        return dict(self._ask("SELECT id, content FROM label_sets WHERE id = ANY($1::int[])", list(numbers)))

    # --- rows ----------------------------------------------------------------------------------

    def sources(self, gpu: int, start_ms: int, end_ms: int) -> Iterator[Source]:
        blocks_from_ms, tails_from_ms = max(start_ms - BLOCK_SPAN_MS_MAX, _INT64_MIN), _INT64_MIN
        count, shelf = _SOURCES_FIRST, gpu // SHELF_GPUS
        seen: set[tuple[int, int]] = set()
        """Those that begin where the next page does."""
        while True:
            rows = self._ask(_SOURCES, gpu, shelf, blocks_from_ms, tails_from_ms, start_ms, end_ms, count)
            fresh = [row for row in rows if row[:2] not in seen]
            self._ahead.expect([BlobKey(bool(row[0]), row[1], row[3]) for row in fresh])
            for is_tail, number, first_ms, _ in fresh:
                yield Source(bool(is_tail), number, first_ms)
            if len(rows) < count:
                return
            blocks_from_ms = tails_from_ms = rows[-1][2]
            seen = {row[:2] for row in rows if row[2] == blocks_from_ms}
            count *= 2

    def blob(self, source: Source) -> bytes:
        return self._ahead.blob(source.is_tail, source.id)

    def log_sources(self, gpu: int, starts: AsOf) -> list[LogSource]:
        if not starts:
            return []
        partitions = [*starts, _SEVERAL]
        offsets = [*starts.values(), min(starts.values())]
        found = self._ask(_LOG_SOURCES, gpu, partitions, offsets)
        found.sort(key=lambda row: row[:2])
        self._ahead.expect([BlobKey(False, row[3], row[4]) for row in found])
        return [LogSource(*row[:4]) for row in found]

    def tail_ids(self, shelf: int | None) -> list[int]:
        if shelf is None:
            return [number for (number,) in self._ask("SELECT id FROM tails ORDER BY id")]
        rows = self._ask("SELECT id FROM tails WHERE shelf = $1::int ORDER BY id", shelf)
        return [number for (number,) in rows]

    def tail_blobs(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        found = {number: self._known.blobs.get((True, number)) for number in ids}
        missing = [number for number, blob in found.items() if blob is None]
        if missing:
            rows = self._ask("SELECT id, data FROM tails WHERE id = ANY($1::bigint[])", missing)
            for number, blob in rows:
                self._known.blobs.keep((True, number), blob)
                found[number] = blob
        return {number: blob for number, blob in found.items() if blob is not None}

    def block_blob(self, number: int) -> bytes:
        return self._ahead.blob(False, number)

    def racks(self, *, rack: int | None = None, metric: int | None = None) -> list[Rack]:
        if rack is not None:
            rows = self._ask("SELECT metric, rack, data FROM latest WHERE rack = $1::int", rack)
        elif metric is not None:
            rows = self._ask("SELECT metric, rack, data FROM latest WHERE metric = $1::int", metric)
        else:
            rows = self._ask("SELECT metric, rack, data FROM latest")
        return [Rack(*row) for row in rows]


def _metric(row: Row) -> Metric:
    name, unit, kind, description = row
    return stored_metric(restored(name), restored(unit), kind, restored(description))
