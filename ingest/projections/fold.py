"""The fold: records in, changes to the view out.

Pure, but for the memory of what was interned: the same records from the same places give the same answer.
This is the collector's hot path; what is not needed for each record is done for each batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from eventlog.client import Record, Run
from ingest.errors import PoisonRecordError
from ingest.projections.inventory import Inventory
from ingest.projections.place import Move, Place
from ingest.projections.readers import BEFORE_ALL, mark_before, note_reader
from ingest.projections.samples import SampleRows
from ingest.telemetry.frame import REST, SEAM, EventFrame, Rest, decode_rest, frame
from query.views.store import Changes


@attrs.frozen
class PoisonRecord:
    """A record that cannot be applied, and why."""

    record: Record
    reason: str
    """The error's class, and one line."""


@attrs.frozen(eq=False)
class Folded:
    """What became of a batch of records."""

    changes: Changes
    """Without steps: where they begin is not the fold's business."""
    moves: Mapping[int, Move]
    """By partition; those that the batch had nothing for are left out."""
    poison: Sequence[PoisonRecord]
    record_count: int
    """Records that the moves go over, the poison and the dropped among them."""
    dropped_count: int
    """Events that were applied before under another offset: a source published them twice."""


class Fold:
    """Folds batch after batch; holds what was interned."""

    def __init__(self) -> None:
        self._inventory = Inventory()

    def fold(
        self,
        runs: Iterable[Run],
        places: Mapping[int, Place],
        jumps: Mapping[int, Mapping[int, int]] | None = None,
    ) -> Folded:
        """What these records, in the order of the log within each partition, add to what was before.

        Args:
            runs: of one topic; those of partitions without a place are left out.
            places: where each partition stands.
            jumps: by partition: the offset that came, to the missing one that was expected instead.
        """
        self._inventory.forget_if_full()
        batch = _Batch(self._inventory)
        for run in runs:
            partition = run.at.partition
            if partition not in places:
                continue
            if partition not in batch.moves:
                move = batch.moves[partition] = Move.begin(places[partition])
                note_reader(move.origins, move.next_offset)
            batch.rows.begin_run(partition)
            batch.take(run, batch.moves[partition], (jumps or {}).get(partition, {}))
        return Folded(
            batch.rows.changes(self._inventory),
            batch.moves,
            batch.poison,
            batch.record_count,
            batch.dropped_count,
        )


class _Batch:
    """One batch on its way."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.rows = SampleRows()
        self.moves: dict[int, Move] = {}
        self.poison: list[PoisonRecord] = []
        self.record_count = 0
        self.dropped_count = 0

    def take(self, run: Run, move: Move, jumps: Mapping[int, int]) -> None:
        """Fold records of one partition."""
        inventory, rows, origins = self.inventory, self.rows, move.origins
        around_numbers, shape_numbers = inventory.around_numbers, inventory.shape_numbers
        add_around, add_shape, add_values = rows.around.append, rows.shape.append, rows.value.extend
        add_time, add_offset = rows.observed_at_ms.append, rows.offset.append
        source, last = "", BEFORE_ALL
        offsets, encoded = run.offsets, run.values
        places = move.take(offsets, jumps)
        self.record_count += len(places)
        for place in places:
            value = encoded[place] or b""
            head, _, rest = value.rpartition(SEAM)
            event: EventFrame | Rest
            try:
                around = around_numbers[head]
                event = decode_rest(REST + rest)
            except (KeyError, ValueError, RecursionError):
                try:
                    event = frame(value)
                    around = inventory.around_of(event, head)
                except PoisonRecordError as error:
                    self.poison.append(PoisonRecord(run.record(place), f"{type(error).__name__}: {error}"))
                    continue
            origin = event.origin
            if origin.source != source:
                source = origin.source
                known = origins.get(source)
                last = mark_before(source, origins) if known is None else known
            mark = (origin.pass_number, origin.row)
            if mark <= last:
                self.dropped_count += 1
                continue
            origins[source] = last = mark
            values = event.values
            names = tuple(values)
            shape = shape_numbers.get(names)
            add_shape(inventory.learn_shape(names) if shape is None else shape)
            add_around(around)
            add_time(event.observed_at)
            add_offset(offsets[place])
            add_values(values.values())
