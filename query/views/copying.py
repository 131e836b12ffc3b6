"""Copying a build from one database into another: a moment of the one, in a transaction of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Final, TypeVar

import attrs

from query.views.store import Step
from query.views.tables import Moment, NewBlock, NewTail, Transaction

T = TypeVar("T")

_ROWS: Final = 500
"""Handed over at once."""


@attrs.frozen(eq=False)
class Contents:
    """All that a build holds, as it was at one moment; read as it is asked for, once."""

    moment: Moment
    tails: Iterable[NewTail]
    """In the order of their ids."""
    blocks: Iterable[NewBlock]
    """As above."""


def copy(contents: Contents, empty: Transaction) -> None:
    """Write all of it; numbers stay what they were, ids do not. Another log that was met is left out."""
    moment = contents.moment
    _copy_progress(moment, empty)
    empty.number_metrics(moment.metrics())
    _in_parts(empty.number_gpus, moment.gpus_from(0))
    _in_parts(empty.number_label_sets, _label_sets(moment))
    _in_parts(empty.add_tails, contents.tails)
    _in_parts(empty.add_blocks, contents.blocks)
    racks = list(moment.racks())
    empty.claim_racks([(rack.metric, rack.rack) for rack in racks])
    _in_parts(empty.put_racks, racks)


def _copy_progress(moment: Moment, empty: Transaction) -> None:
    checkpoints, origins, gaps = moment.checkpoints(), moment.origins(), moment.gaps()
    if not checkpoints:
        return
    empty.claim([each.partition for each in checkpoints])
    empty.follow(checkpoints[0].topic, checkpoints[0].topic_id)
    steps = [
        Step(
            topic=each.topic,
            topic_id=each.topic_id,
            partition=each.partition,
            expected=None,
            next_offset=each.next_offset,
            high_watermark=each.high_watermark,
            seen_at_ms=each.seen_at_ms,
            origins=list(origins.get(each.partition, {}).values()),
            gaps=[gap for gap in gaps if gap.partition == each.partition],
        )
        for each in checkpoints
    ]
    newest_ms = {
        each.partition: each.applied_time_ms for each in checkpoints if each.applied_time_ms is not None
    }
    empty.advance(steps, newest_ms)


def _label_sets(moment: Moment) -> Iterator[str]:
    """Their texts, in the order of their numbers."""
    for start in count(0, _ROWS):
        texts = moment.label_set_texts(range(start, start + _ROWS))
        yield from (texts[number] for number in sorted(texts))
        if len(texts) < _ROWS:
            return


def _in_parts(write: Callable[[Sequence[T]], object], rows: Iterable[T]) -> None:
    rest = iter(rows)
    while part := list(islice(rest, _ROWS)):
        write(part)
