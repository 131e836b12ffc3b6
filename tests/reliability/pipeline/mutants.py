"""H1 for the pipeline: each mutant breaks it in one way, and the check that is meant for it must fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import attrs

from eventlog.client import Watermarks
from ingest.applying import Applied, Applier
from ingest.assignment import Assignment
from ingest.collecting import Collecting
from ingest.cursor import Cursor
from ingest.dead_letter import DeadLetters
from ingest.intake import Intake
from ingest.parcel import Parcel
from ingest.projections import Move, Place, PoisonRecord
from ingest.pump import Pump
from query.views.memory_build import MemoryBuild
from query.views.model import Gap, Origin
from query.views.store import Step
from tests.reliability.mutants import SEED, Mutant
from tests.reliability.pipeline.following import check_group_follows
from tests.reliability.pipeline.gaps import check_gaps
from tests.reliability.pipeline.letters import check_letters_first
from tests.reliability.pipeline.other_logs import check_other_logs
from tests.reliability.pipeline.republished import check_republished
from tests.reliability.pipeline.shared_view import check_shared_view


@attrs.frozen
class Check:
    """A check, and the volume that it takes to catch every mutant that is meant for it."""

    function: Callable[..., object]
    options: Mapping[str, Any] = attrs.Factory(dict)
    broken: Mapping[str, Any] = attrs.Factory(dict)
    """What else it is given while there is a mutant, which may have it wait for ever."""

    def run(self) -> None:
        self.function(**self.options)

    def run_broken(self) -> None:
        self.function(**self.options, **self.broken)


# --- checkpoints --------------------------------------------------------------------------------


def generation_not_checked() -> AbstractContextManager[object]:
    return patch.object(MemoryBuild, "_expected", lambda self, step: step.expected)


def committed_before_the_view() -> AbstractContextManager[object]:
    original = Collecting._count

    def count(self: Collecting) -> None:
        original(self)
        cursors = self._assignment.cursors
        self._commits.applied({number: each.place.next_offset for number, each in cursors.items()})

    return patch.object(Collecting, "_count", count)


def refused_partition_not_read_again() -> AbstractContextManager[object]:
    async def begin_again(self: Pump, stale: frozenset[int]) -> None:
        """Nothing: its cursor stays where it was."""

    return patch.object(Pump, "_begin_again", begin_again)


def unseen_records_passed_over() -> AbstractContextManager[object]:
    def jumps_to(self: Move, offset: int, jumps: Mapping[int, int]) -> bool:
        return offset > self.next_offset

    return patch.object(Move, "_jumps_to", jumps_to)


# --- identity -----------------------------------------------------------------------------------


def checkpoint_without_log_identity() -> AbstractContextManager[object]:
    return patch.object(MemoryBuild, "check_log", lambda self, topic, topic_id: None)


def end_of_the_log_not_looked_at() -> AbstractContextManager[object]:
    original = Assignment.keep_inside

    def keep_inside(self: Assignment, number: int, cursor: Cursor, marks: Watermarks) -> None:
        end = max(marks.high_watermark, cursor.place.next_offset)
        original(self, number, cursor, Watermarks(marks.log_start, end))

    return patch.object(Assignment, "keep_inside", keep_inside)


# --- events -------------------------------------------------------------------------------------


def origin_not_checked() -> AbstractContextManager[object]:
    return patch.object(Move, "begin", lambda place: Move(place.next_offset, {}))


def origins_not_kept() -> AbstractContextManager[object]:
    original = Intake._step

    def step(self: Intake, number: int, cursor: Cursor, origins: Sequence[Origin], now_ms: int) -> Step:
        return original(self, number, cursor, (), now_ms)

    return patch.object(Intake, "_step", step)


def origins_not_read() -> AbstractContextManager[object]:
    original = Cursor.begin

    def begin(*arguments: Any) -> Cursor:
        cursor = original(*arguments)
        cursor.place = Place(cursor.place.next_offset)
        return cursor

    return patch.object(Cursor, "begin", begin)


# --- poison and gaps ----------------------------------------------------------------------------


def dead_letter_after_the_view() -> AbstractContextManager[object]:
    original = Applier.apply

    async def apply(self: Applier, parcel: Parcel) -> Applied:
        applied = await original(self, attrs.evolve(parcel, poison=()))
        await self._dead_letters.send(parcel.poison)
        return applied

    return patch.object(Applier, "apply", apply)


def dead_letter_not_waited_for() -> AbstractContextManager[object]:
    original = DeadLetters.send
    sending: set[asyncio.Task[None]] = set()

    async def send(self: DeadLetters, poison: Sequence[PoisonRecord]) -> None:
        sending.add(asyncio.create_task(original(self, poison)))

    return patch.object(DeadLetters, "send", send)


def poison_thrown_away() -> AbstractContextManager[object]:
    async def send(self: DeadLetters, poison: Sequence[PoisonRecord]) -> None:
        """Nothing."""

    return patch.object(DeadLetters, "send", send)


def gap_not_told() -> AbstractContextManager[object]:
    def skip_to(self: Cursor, offset: int, gap: Gap) -> None:
        self.place = attrs.evolve(self.place, next_offset=offset)

    return patch.object(Cursor, "skip_to", skip_to)


# --- the table ----------------------------------------------------------------------------------

CHECKS: dict[str, Check] = {
    "P6": Check(check_shared_view, {"seed": SEED, "rounds": 3}, {"wait_s": 5.0}),
    "P7": Check(check_group_follows, {"seed": SEED, "records": 300}),
    "identity": Check(check_other_logs, broken={"wait_s": 3.0}),
    "origins": Check(check_republished, {"seed": SEED, "events": 150}),
    "letters": Check(check_letters_first, {"seed": SEED, "records": 300}),
    "gaps": Check(check_gaps, {"seed": SEED, "rounds": 4}),
}

MUTANTS = [
    Mutant("generation not checked", generation_not_checked, "P6"),
    Mutant("refused partition not read again", refused_partition_not_read_again, "P6"),
    Mutant("unseen records passed over", unseen_records_passed_over, "P6"),
    Mutant("offset committed before the view", committed_before_the_view, "P7"),
    Mutant("checkpoint without log identity", checkpoint_without_log_identity, "identity"),
    Mutant("end of the log not looked at", end_of_the_log_not_looked_at, "identity"),
    Mutant("origin not checked", origin_not_checked, "origins"),
    Mutant("origins not kept", origins_not_kept, "origins"),
    Mutant("origins not read", origins_not_read, "origins"),
    Mutant("dead letter after the view", dead_letter_after_the_view, "letters"),
    Mutant("dead letter not waited for", dead_letter_not_waited_for, "letters"),
    Mutant("poison thrown away", poison_thrown_away, "letters"),
    Mutant("gap not told", gap_not_told, "gaps"),
]
