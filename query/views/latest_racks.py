"""Racks of the newest values: merged by writers and cleared by retention."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from query.views import latest
from query.views.columns import Ints, Rows
from query.views.latest import RACK_GPUS, Slots
from query.views.tables import Rack, Transaction


def merge_latest(transaction: Transaction, rows: Rows) -> None:
    """Take in some rows, which are in the order of their series."""
    gpus, metrics, slots = latest.of_batch(rows)
    rack_count = int(np.max(gpus)) // RACK_GPUS + 1
    keys = metrics * rack_count + gpus // RACK_GPUS
    touched, rack = _numbered(keys)
    pairs = [divmod(key, rack_count) for key in touched.tolist()]
    stored = latest.filled(transaction.claim_racks(pairs))
    latest.merge(stored, rack * RACK_GPUS + gpus % RACK_GPUS, slots)
    transaction.put_racks(
        [
            Rack(metric, number, latest.encode(stored[place * RACK_GPUS : (place + 1) * RACK_GPUS]))
            for place, (metric, number) in enumerate(pairs)
        ]
    )


def _numbered(keys: Ints) -> tuple[Ints, Ints]:
    """The keys that occur, in order, and for each key its place among them. Keys are small numbers."""
    occurs = np.zeros(int(np.max(keys)) + 1, np.bool_)
    occurs[keys] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[keys]


def clear_latest(
    transaction: Transaction,
    gpus: Iterable[int],
    before_ms: int,
    first_left_ms: Callable[[int], int | None],
) -> None:
    """Forget values of these GPUs from before that time whose rows have gone.

    `first_left_ms` tells the time of the first row from before that time which a GPU has left: an older
    value has no row.
    """
    by_rack: dict[int, list[int]] = {}
    for gpu in gpus:
        by_rack.setdefault(gpu // RACK_GPUS, []).append(gpu)
    for rack, members in sorted(by_rack.items()):
        racks = transaction.claim_all_racks(rack)
        stored = [latest.decode(one.data) for one in racks]
        old = [_old_places(slots, before_ms) for slots in stored]
        left = {
            gpu % RACK_GPUS: first_left_ms(gpu)
            for gpu in members
            if any(gpu % RACK_GPUS in places for places in old)
        }
        gone = [
            [place for place in places & left.keys() if _is_before(slots[place], left[place])]
            for slots, places in zip(stored, old, strict=True)
        ]
        if any(gone):
            cleared = [
                one._replace(data=latest.encode(slots))
                for one, slots in zip(racks, latest.cleared(stored, gone), strict=True)
            ]
            transaction.put_racks([one for one, was in zip(cleared, racks, strict=True) if one != was])


def _old_places(slots: Slots, before_ms: int) -> set[int]:
    is_old = (slots["offset"] >= 0) & (slots["observed_at_ms"] < before_ms)
    return set(np.flatnonzero(is_old).tolist())


def _is_before(slot: np.void, first_ms: int | None) -> bool:
    return first_ms is None or int(slot["observed_at_ms"]) < first_ms
