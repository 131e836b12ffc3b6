"""A run: what a poll brings of one partition, as columns, so that many records can be read at once.

A named tuple for each record, with a key, a time and headers that few readers look at, costs as much as
decoding its value does. So a run has offsets and values as lists, and makes a whole record when it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import attrs

from eventlog.client.description import TopicPartition
from eventlog.client.record import Record


@attrs.frozen(eq=False)
class Run:
    """Records of one partition, at least one, in the order of their offsets; the columns have one length."""

    at: TopicPartition
    offsets: Sequence[int]
    values: Sequence[bytes | None]
    record: Callable[[int], Record]
    """The record at a place in the columns."""

    def __len__(self) -> int:
        return len(self.offsets)


def runs_of(records: Iterable[Record]) -> list[Run]:
    """Records as runs: those of one partition that lie together are one."""
    runs = []
    for (topic, partition), group in groupby(records, lambda record: (record.topic, record.partition)):
        some = list(group)
        offsets, values = [record.offset for record in some], [record.value for record in some]
        runs.append(Run(TopicPartition(topic, partition), offsets, values, some.__getitem__))
    return runs
