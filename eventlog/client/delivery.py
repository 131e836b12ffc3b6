"""What became of a published batch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from eventlog.client.errors import EventLogError


class Delivery:
    """The outcome of one `publish`, known when the broker has answered for every partition in it.

    Of each partition either all records were stored, in their order, or the part failed: then a prefix
    of it may have been stored, and the log's end tells how much.
    """

    def __init__(self, record_counts: Mapping[int, int]) -> None:
        self.record_counts = record_counts
        """Partition to the number of records in it."""
        self.last_offsets: dict[int, int] = {}
        """Partition to the offset of its last record, as far as it is known by now."""
        self.failures: dict[int, EventLogError] = {}
        """Partition to what went wrong there."""
        self._settled = asyncio.Event()
        if not record_counts:
            self._settled.set()

    @property
    def is_settled(self) -> bool:
        """Whether the broker has answered for all of it."""
        return self._settled.is_set()

    def settle(self, partition: int, outcome: int | EventLogError) -> None:
        """For adapters: a partition's last offset, or its failure. Called in the loop."""
        if isinstance(outcome, EventLogError):
            self.failures[partition] = outcome
        else:
            self.last_offsets[partition] = outcome
        if len(self.failures) + len(self.last_offsets) == len(self.record_counts):
            self._settled.set()

    async def settled(self) -> None:
        """Wait until the broker has answered for all of it, well or not."""
        await self._settled.wait()

    async def wait(self) -> Mapping[int, int]:
        """The last offset in each partition, when all are stored; raises the first failure.

        It waits as long as the broker is away: nothing that was accepted is dropped by a timeout.
        """
        await self.settled()
        for error in self.failures.values():
            raise error
        return self.last_offsets
