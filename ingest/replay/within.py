"""A subscription that ends where it was told to, partition by partition."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from eventlog.client import Batch, Run, Subscription, TopicPartition


class Within(Subscription):
    """Another subscription, without what lies at or beyond the ends."""

    def __init__(self, inner: Subscription, ends: Mapping[TopicPartition, int]) -> None:
        self.passed: set[int] = set()
        """Partitions of which a record beyond the end has come: nothing is missing before it any more."""
        self._inner = inner
        self._ends = ends

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self._inner.assignment

    async def poll(self, *, records_max: int = 10_000, timeout_s: float = 1.0) -> Batch:
        batch = await self._inner.poll(records_max=records_max, timeout_s=timeout_s)
        cut = [_before(run, self._ends[run.at]) for run in batch.runs]
        beyond = {run.at for run, kept in zip(batch.runs, cut, strict=True) if kept is not run}
        if not beyond:
            return batch
        new = {at for at in beyond if at.partition not in self.passed}
        self.passed |= {at.partition for at in new}
        await self._inner.pause(new)
        gaps = tuple(gap for gap in batch.gaps if gap.next_offset < self._ends[gap.at])
        return Batch([run for run in cut if run], gaps, batch.refusals)

    async def seek(self, at: TopicPartition, offset: int) -> None:
        await self._inner.seek(at, offset)

    async def pause(self, partitions: Iterable[TopicPartition]) -> None:
        await self._inner.pause(partitions)

    async def resume(self, partitions: Iterable[TopicPartition]) -> None:
        await self._inner.resume(partitions)

    async def commit(self, offsets: Mapping[TopicPartition, int], metadata: str = "") -> None:
        await self._inner.commit(offsets, metadata)

    async def close(self, deadline_s: float = 10.0) -> None:
        await self._inner.close(deadline_s)


def _before(run: Run, end: int) -> Run:
    """The run itself, or what lies before the end."""
    count = bisect_left(run.offsets, end)
    if count == len(run):
        return run
    return Run(run.at, run.offsets[:count], run.values[:count], run.record)
