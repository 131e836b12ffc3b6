"""From what a poll brought to what goes into the view: the collector's cursors, and their steps."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import attrs

from eventlog.client import Batch
from ingest.collector_counters import CollectorCounters
from ingest.cursor import Cursor
from ingest.log_ends import LogEnds
from ingest.parcel import Parcel
from ingest.projections import Fold, Move
from query.views.model import Gap, Origin
from query.views.store import Step

logger = logging.getLogger(__name__)

DAMAGED = "the log could not give these records: damaged, or taken out"


class Intake:
    """Moves the cursors with each batch; records of partitions without one are left out."""

    def __init__(self, cursors: Mapping[int, Cursor], ends: LogEnds, counters: CollectorCounters) -> None:
        self._cursors = cursors
        self._ends = ends
        self._counters = counters
        self._fold = Fold()

    def take(self, batch: Batch, now_ms: int) -> Parcel | None:
        """Fold a batch; None where the view has nothing to learn from it."""
        jumps: dict[int, dict[int, int]] = {}
        for gap in batch.gaps:
            jumps.setdefault(gap.at.partition, {})[gap.next_offset] = gap.expected_offset
        ready = {number: cursor for number, cursor in self._cursors.items() if cursor.resume_at is None}
        places = {number: cursor.place for number, cursor in ready.items()}
        folded = self._fold.fold(batch.runs, places, jumps)
        self._counters.records += folded.record_count
        self._counters.dropped_origins += folded.dropped_count
        poison = [
            found
            for found in folded.poison
            if found.record.offset >= self._letters_from(found.record.partition)
        ]
        self._counters.poison += len(poison)
        self._counters.poison_before += len(folded.poison) - len(poison)
        origins = {number: self._advance(number, move, now_ms) for number, move in folded.moves.items()}
        steps = [
            self._step(number, cursor, origins.get(number, ()), now_ms)
            for number, cursor in sorted(self._cursors.items())
            if cursor.has_news
        ]
        return Parcel(attrs.evolve(folded.changes, steps=steps), poison) if steps else None

    def _letters_from(self, number: int) -> int:
        return self._cursors[number].letters_from

    def _advance(self, number: int, move: Move, now_ms: int) -> Sequence[Origin]:
        """Move a cursor; returns the origins that have moved with it."""
        cursor = self._cursors[number]
        before, cursor.place = cursor.place, move.end
        cursor.gaps += [Gap(number, first, end, DAMAGED, now_ms) for first, end in move.missing]
        if move.is_broken:
            cursor.resume_at = move.next_offset
        return [
            Origin(source, *mark)
            for source, mark in sorted(move.origins.items())
            if before.origins.get(source) != mark
        ]

    def _step(self, number: int, cursor: Cursor, origins: Sequence[Origin], now_ms: int) -> Step:
        next_offset = cursor.place.next_offset
        high_watermark, seen_at_ms = self._ends.seen(number, next_offset, now_ms)
        step = Step(
            topic=self._ends.topic.name,
            topic_id=str(self._ends.topic.topic_id),
            partition=number,
            expected=cursor.stored,
            next_offset=next_offset,
            high_watermark=high_watermark,
            seen_at_ms=seen_at_ms,
            origins=origins,
            gaps=cursor.gaps,
        )
        self._tell(cursor.gaps)
        cursor.stored = cursor.begun_at = next_offset
        cursor.gaps = []
        return step

    def _tell(self, gaps: list[Gap]) -> None:
        for gap in gaps:
            self._counters.gaps += 1
            self._counters.gap_records += gap.end - gap.first
            logger.warning(
                "a gap in the log: the view goes on after it",
                extra={
                    "action": "note_gap",
                    "partition": gap.partition,
                    "first_offset": gap.first,
                    "end_offset": gap.end,
                    "reason": gap.reason,
                },
            )
