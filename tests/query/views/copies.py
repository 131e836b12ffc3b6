"""Snapshots of any store: damaged ones, and those that are made while others write."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from query.views.errors import BadViewsError
from tests.query.views.answers import read
from tests.query.views.changes import SEEN_MS
from tests.query.views.contract_building import end_of, fill
from tests.query.views.known_log import BATCH_RECORDS, PARTITIONS, KnownView
from tests.query.views.place import Place
from tests.query.views.sqlite_place import SqlitePlace


def restore_damaged(
    place: Place, copy: Path, draw: random.Random, count: int, traces: Callable[[], object]
) -> None:
    """Restore a snapshot with flipped bits, so often: it is refused in a line, or the damage does not show.

    `traces` is what a restore that is refused must leave as it was.
    """
    writer, builds = place.writer(), place.builds()
    fill(writer, 6)
    while writer.maintain(SEEN_MS):
        pass
    fill(writer, 1, 6 * BATCH_RECORDS)
    builds.snapshot(writer.build, copy)
    whole, refused = copy.read_bytes(), 0
    for round_number in range(count):
        damaged = bytearray(whole)
        for place_of_bit in draw.sample(range(8 * len(whole)), 1 if round_number % 2 else 50):
            damaged[place_of_bit // 8] ^= 1 << place_of_bit % 8
        copy.write_bytes(damaged)
        before = traces()
        try:
            builds.restore(copy)
        except BadViewsError as error:
            refusal: str | None = str(error)
        else:
            refusal = None
        if refusal is not None:
            assert (str(copy) in refusal, 1) == (True, len(refusal.splitlines()))
            assert before == traces()
            refused += 1
        assert 7 * BATCH_RECORDS == end_of(place.reader())
    assert refused > count // 4


def copy_while_others_write(place: Place, folder: Path) -> None:
    """Make snapshots while batches are applied and folded: each is of one moment."""
    writer, builds, done = place.writer(), place.builds(), threading.Event()
    fill(writer, 20)

    def write() -> None:
        end = 20
        while not done.is_set():
            fill(writer, 1, end * BATCH_RECORDS)
            writer.maintain(SEEN_MS)
            end += 1

    ends: dict[Path, int] = {}
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            while len(ends) < 4 or (len({*ends.values()}) == 1 and not writing.done()):
                copy = folder / f"copy-{len(ends)}"
                ends[copy] = builds.snapshot(writer.build, copy).checkpoints[0].next_offset
        finally:
            done.set()
        writing.result(timeout=60)
    for copy, end in ends.items():
        with closing(SqlitePlace(folder / f"restored-{copy.name}")) as elsewhere:
            elsewhere.builds().restore(copy)
            reader, known = elsewhere.reader(), KnownView(3)
            assert end == end_of(reader)
            assert known.entries(dict.fromkeys(PARTITIONS, end)) == read(reader, known.gpu_id)
