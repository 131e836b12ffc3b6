"""Writing rows of telemetry and latest values, and removing them; with it, all of a `Transaction`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from query.views.postgres.days import DAY_MS, day_of, day_table, make_day
from query.views.postgres.maintained import EMPTIED_DAYS
from query.views.postgres.numbers import WritingNumbers
from query.views.postgres.session import Statement
from query.views.postgres.steps import WritingSteps
from query.views.tables import Expired, NewBlock, NewTail, PlaceTakenError, Rack, Transaction
from query.views.tails import decode

_ADD_TAIL: Final = """
INSERT INTO tails (shelf, row_count, gpu_count, first_ms, last_ms, applied_at_ms, data)
    VALUES ($1::int, $2::int, $3::int, $4::bigint, $5::bigint, $6::bigint, $7::bytea)
"""
_ADD_YOUNG: Final = """
INSERT INTO young_blocks
        (gpu, period, first_ms, last_ms, partition, first_offset, last_offset, row_count, data)
    VALUES ($1::int, $2::bigint, $3::bigint, $4::bigint, $5::int, $6::bigint, $7::bigint, $8::int, $9::bytea)
"""
_ADD_BLOCK: Final = """
WITH put AS (INSERT INTO {table} (id, data) VALUES (nextval('block_ids'), $9::bytea) RETURNING id)
INSERT INTO blocks (id, gpu, day, first_ms, last_ms, partition, first_offset, last_offset, row_count)
    SELECT id, $1::int, $2::int, $3::bigint, $4::bigint, $5::int, $6::bigint, $7::bigint, $8::int FROM put
"""
_CLAIM_RACKS: Final = """
SELECT l.metric, l.rack, l.data FROM unnest($1::int[], $2::int[]) AS sought (metric, rack)
    JOIN latest l ON l.metric = sought.metric AND l.rack = sought.rack
"""
_PUT_RACK: Final = """
INSERT INTO latest VALUES ($1::int, $2::int, $3::bytea)
    ON CONFLICT (metric, rack) DO UPDATE SET data = excluded.data
"""
_DROP_RACK: Final = "DELETE FROM latest WHERE metric = $1::int AND rack = $2::int"

_BLOCKS_MAX: Final = 5_000
"""Blocks that expire in one transaction: their bytes go with a table, later."""
_YOUNG_MAX: Final = 500
_TAILS_MAX: Final = 100
_EXPIRE: Final = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM {table} WHERE last_ms < $1::bigint ORDER BY last_ms LIMIT $2::int FOR UPDATE
    )) RETURNING row_count, {what}
"""
_EXPIRE_BLOCKS: Final = _EXPIRE.format(table="blocks", what="gpu")
_EXPIRE_YOUNG: Final = _EXPIRE.format(table="young_blocks", what="gpu")
_EXPIRE_TAILS: Final = _EXPIRE.format(table="tails", what="data")
# All blocks of a day have gone where the oldest that is left is of a later one.
_EMPTY_DAYS: Final = f"""
UPDATE days SET emptied_at = clock_timestamp()
    WHERE emptied_at IS NULL AND (day + 1) * {DAY_MS}::bigint <= $1::bigint
        AND (day + 1) * {DAY_MS}::bigint <= coalesce((SELECT min(last_ms) FROM blocks), $1)
"""  # noqa: S608
_FIRST_BLOCK: Final = """
SELECT least(
    (SELECT min(first_ms) FROM blocks WHERE gpu = $1::int),
    (SELECT min(first_ms) FROM young_blocks WHERE gpu = $1)
)
"""
_TAILS_BEFORE: Final = """
SELECT id FROM tails WHERE shelf = $1::int AND first_ms < $2::bigint ORDER BY id
"""


class PostgresTransaction(WritingSteps, WritingNumbers, Transaction):
    """See `Transaction`."""

    # --- rows ----------------------------------------------------------------------------------

    def add_tails(self, tails: Sequence[NewTail]) -> None:
        for tail in tails:
            self._later(
                _ADD_TAIL,
                tail.shelf,
                tail.row_count,
                tail.gpu_count,
                tail.first_ms,
                tail.last_ms,
                tail.applied_at_ms,
                tail.data,
            )

    def add_blocks(self, blocks: Sequence[NewBlock]) -> None:
        self._make_days({day_of(one.block.last_ms) for one in blocks if one.is_full})
        for block, period, is_full in blocks:
            day = day_of(block.last_ms)
            self._later(
                _ADD_BLOCK.format(table=day_table(day)) if is_full else _ADD_YOUNG,
                block.gpu,
                day if is_full else period,
                block.first_ms,
                block.last_ms,
                block.partition,
                block.first_offset,
                block.last_offset,
                block.row_count,
                block.data,
            )

    def _make_days(self, days: set[int]) -> None:
        """Have tables for these days; until the end nobody drops them."""
        if not days:
            return
        held = self._ask(
            "UPDATE days SET emptied_at = NULL WHERE day = ANY($1::int[]) AND emptied_at IS NOT NULL "
            "RETURNING day",
            sorted(days),
        )
        there = self._ask("SELECT day FROM days WHERE day = ANY($1::int[]) FOR KEY SHARE", sorted(days))
        for day in sorted(days - {day for (day,) in (*held, *there)}):
            if self._ask("INSERT INTO days VALUES ($1::int) ON CONFLICT DO NOTHING RETURNING day", day):
                make_day(self._session, day)

    def remove_tails(self, ids: Sequence[int]) -> None:
        self._remove("tails", ids)

    def remove_young_blocks(self, ids: Sequence[int]) -> None:
        self._remove("young_blocks", ids)

    def _remove(self, table: str, ids: Sequence[int]) -> None:
        gone = self._ask(f"DELETE FROM {table} WHERE id = ANY($1::bigint[]) RETURNING id", list(ids))  # noqa: S608
        if len(gone) != len(ids):
            raise PlaceTakenError

    # --- latest values -------------------------------------------------------------------------

    def claim_racks(self, keys: Sequence[tuple[int, int]]) -> list[bytes]:
        self._lock()
        found = self._ask(_CLAIM_RACKS, [metric for metric, _ in keys], [rack for _, rack in keys])
        stored = {(metric, rack): data for metric, rack, data in found}
        return [stored.get(one, b"") for one in keys]

    def claim_all_racks(self, rack: int) -> list[Rack]:
        self._lock()
        return self.racks(rack=rack)

    def put_racks(self, racks: Sequence[Rack]) -> None:
        for one in racks:
            if one.data:
                self._later(_PUT_RACK, one.metric, one.rack, one.data)
            else:
                self._later(_DROP_RACK, one.metric, one.rack)

    # --- retention -----------------------------------------------------------------------------

    def expire(self, before_ms: int) -> Expired:
        self._drop_days()
        statements: list[Statement] = [
            (_EXPIRE_BLOCKS, (before_ms, _BLOCKS_MAX)),
            (_EXPIRE_YOUNG, (before_ms, _YOUNG_MAX)),
            (_EXPIRE_TAILS, (before_ms, _TAILS_MAX)),
            (_EMPTY_DAYS, (before_ms,)),
        ]
        blocks, young, tails, _ = self._ask_all(*statements)
        gpus = {gpu for _, gpu in (*blocks, *young)}
        for _, blob in tails:
            gpus.update(decode(blob).gpu.tolist())
        return Expired(sum(row[0] for row in (*blocks, *young, *tails)), frozenset(gpus))

    def _drop_days(self) -> None:
        for (day,) in self._ask(f"DELETE FROM days WHERE day IN ({EMPTIED_DAYS}) RETURNING day"):  # noqa: S608
            self._session.script(f"DROP TABLE IF EXISTS {day_table(day)}")

    def first_block_ms(self, gpu: int) -> int | None:
        first_ms: int | None = self._ask(_FIRST_BLOCK, gpu)[0][0]
        return first_ms

    def tail_blobs_before(self, shelf: int, before_ms: int) -> Iterator[bytes]:
        for (number,) in self._ask(_TAILS_BEFORE, shelf, before_ms):
            yield self.tail_blobs([number])[number]
