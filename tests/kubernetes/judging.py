"""The judge: whether every row of every pass is in the log, and in the views once. Values in, complaints out.

An event that was acknowledged and is lost shows as a hole: its streamer went on behind it. A pass under way
when the streamers were stopped may end early, in each partition for itself; nothing may be missing before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.kubernetes.published import Log, Place, Published

SHOWN_MAX = 5
"""Of each kind of complaint, and then how many more there are."""

Entry = tuple[int, int, str, str]
"""What the API says of one: partition, offset, GPU, metric."""


def complaints(log: Log, entries: Iterable[Mapping[str, Any]], row_count: int) -> list[str]:
    """What is wrong with a log of one source of so many rows, and the entries of all GPUs; none: fine."""
    return [*_of_source(log, row_count), *_of_log(log), *_of_views(log, entries)]


def _of_source(log: Log, row_count: int) -> Iterator[str]:
    sources = {each.source for records in log.values() for each in records}
    if len(sources) != 1:
        yield f"the log has {len(sources)} sources, not one: {sorted(sources)}"
    first = {row for records in log.values() for row in _rows_of_first_pass(records)}
    yield from _some("row", sorted(set(range(row_count)) - first), "is in no first pass")


def _of_log(log: Log) -> Iterator[str]:
    """Each pass from the first has the rows of the first, in order; the last one may end early."""
    for number, records in sorted(log.items()):
        offsets = [each.offset for each in records]
        if offsets != list(range(len(offsets))):
            yield f"partition {number}: its offsets are not 0 to {len(offsets) - 1}"
        rows = _rows_of_first_pass(records)
        said = {each.place for each in records}
        last = max(said)
        if not rows or min(said)[0] != 1:
            yield f"partition {number}: it begins with (pass, row) {min(said)}"
            continue
        wanted = [(pass_number, row) for pass_number in range(1, last[0] + 1) for row in rows]
        holes = [place for place in wanted if place < last and place not in said]
        yield from _some(f"partition {number}: (pass, row)", holes, "is not in the log")
        yield from _some(f"partition {number}: (pass, row)", sorted(said - set(wanted)), "is no row of it")


def _of_views(log: Log, entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """They have what the log says for the first time, and each of it once."""
    wanted = {
        (number, each.offset, each.gpu_id, each.metric_name)
        for number, records in log.items()
        for each in _new(records)
    }
    found = Counter(_entry(entry) for entry in entries)
    yield from _some("entry", sorted(wanted - found.keys()), "is not in the views")
    yield from _some("entry", sorted(found.keys() - wanted), "is in the views and should not be")
    yield from _some("entry", sorted(each for each, count in found.items() if count > 1), "is there twice")


def _rows_of_first_pass(records: Iterable[Published]) -> list[int]:
    return sorted({row for pass_number, row in (each.place for each in records) if pass_number == 1})


def _new(records: Iterable[Published]) -> Iterator[Published]:
    """Those that are above all before them; the others say something again, and views drop them."""
    last: Place = (0, -1)
    for each in records:
        if each.place > last:
            last = each.place
            yield each


def _entry(entry: Mapping[str, Any]) -> Entry:
    position = entry["position"]
    return position["partition"], position["offset"], entry["gpu_id"], entry["metric_name"]


def _some(what: str, found: list[Any], verdict: str) -> Iterator[str]:
    for each in found[:SHOWN_MAX]:
        yield f"{what} {each} {verdict}"
    if len(found) > SHOWN_MAX:
        yield f"{what}: {len(found) - SHOWN_MAX} more of which each {verdict}"
