"""The rows of a pass, ready to be sent: by partition, in their order, each as a template."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from eventlog.client import partition_of
from ingest.sources.source import Source
from ingest.telemetry.codec import EventTemplate, Stamp
from ingest.telemetry.model import Sample

_KEPT = 2
"""Passes that are kept: partitions that stand at the same one share it."""


@attrs.frozen(eq=False)
class PartitionRows:
    """One partition's part of a pass, as columns of one length; `rows` ascend."""

    rows: Sequence[int] = ()
    keys: Sequence[bytes] = ()
    parts: Sequence[tuple[bytes, bytes]] = ()
    """Of each row's template."""
    stamp: Stamp = Stamp("")  # noqa: RUF009  # frozen
    """The source's; it joins the parts of a row to its event."""

    def __len__(self) -> int:
        return len(self.rows)


class PassRows:
    """One pass, sorted by partition; templates are made for the partitions that are asked for."""

    def __init__(
        self, samples: Sequence[Sample], source_id: str, partition_by_gpu: Callable[[str], int]
    ) -> None:
        self.samples = samples
        self._source_id = source_id
        self._stamp = Stamp(source_id)
        self._samples_of: dict[int, list[Sample]] = {}
        for sample in samples:
            self._samples_of.setdefault(partition_by_gpu(sample.gpu.uuid), []).append(sample)
        self._made: dict[int, PartitionRows] = {}

    def partition(self, number: int) -> PartitionRows:
        """A partition's part; empty where it has no rows."""
        if number not in self._made:
            samples = self._samples_of.get(number, [])
            self._made[number] = PartitionRows(
                [sample.row for sample in samples],
                [sample.gpu.uuid.encode() for sample in samples],
                [EventTemplate(sample, self._source_id).parts for sample in samples],
                self._stamp,
            )
        return self._made[number]

    def count(self, number: int) -> int:
        """How many rows a partition has."""
        return len(self._samples_of.get(number, ()))

    def last_rows(self) -> dict[int, int]:
        """The last row of each partition that has any."""
        return {number: samples[-1].row for number, samples in self._samples_of.items()}

    def __len__(self) -> int:
        return len(self.samples)


class Passes:
    """The passes of a source; one that equals the one before is prepared once."""

    def __init__(self, source: Source, source_id: str, partitions: int, last: int | None) -> None:
        self.source_id = source_id
        self.last = last
        """The number of the last one; None: they go on without end."""
        self._source = source
        self._partitions = partitions
        self._partition_of: dict[str, int] = {}
        self._kept: dict[int, PassRows] = {}

    def rows(self, pass_number: int) -> PassRows:
        """A pass, numbered from 1."""
        found = self._kept.pop(pass_number, None)
        if found is None:
            found = self._prepared(pass_number)
        self._kept[pass_number] = found
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def is_last(self, pass_number: int) -> bool:
        """Whether none comes after it."""
        return self.last is not None and pass_number >= self.last

    def _prepared(self, pass_number: int) -> PassRows:
        samples = self._source.samples(pass_number)
        for kept in self._kept.values():
            if kept.samples is samples:
                return kept
        return PassRows(samples, self.source_id, self._partition)

    def _partition(self, uuid: str) -> int:
        number = self._partition_of.get(uuid)
        if number is None:
            number = self._partition_of[uuid] = partition_of(uuid.encode(), self._partitions)
        return number
