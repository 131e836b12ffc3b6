"""The records that a publisher has taken and that the broker has not answered for yet: the bound on them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from operator import add

import attrs

from eventlog.client.delivery import Delivery
from eventlog.client.errors import (
    ClientClosedError,
    EventLogError,
    InvalidRecordError,
    QueueFullError,
    UndeliveredError,
)
from eventlog.client.partitioner import partition_of
from eventlog.client.record import NewRecord

RECORD_OVERHEAD_BYTES = 128
"""What a record costs a buffer beside its key and value; roughly, and enough."""


@attrs.frozen
class OutboxLimits:
    """How much may wait for the broker's answer."""

    records_max: int = 500_000
    bytes_max: int = 256 * 1024 * 1024
    record_bytes_max: int = 1_000_000
    """One record's key, value and headers; librdkafka and the broker's default take a little more."""


class Outbox:
    """Counts what is on its way and settles deliveries; lives in the loop."""

    def __init__(self, topic: str, partitions: int, limits: OutboxLimits) -> None:
        self._topic = topic
        self._partitions = partitions
        self._limits = limits
        self._next_partition = 0
        self._parts: dict[tuple[Delivery, int], tuple[int, int]] = {}
        self._changed = asyncio.Event()
        self._refused = 0, 0
        """Records and bytes of the batch that found no room last; nothing, since another was taken."""
        self.records = 0
        self.bytes = 0

    def place(self, records: Sequence[NewRecord]) -> tuple[list[int], dict[int, int]]:
        """The partition of each record, and the index of the last record in each partition.

        Records without key and partition go together to one partition, the next batch's to the next.
        """
        partitions, count = [], self._partitions
        last_index: dict[int, int] = {}
        for index, record in enumerate(records):
            partition = record.partition
            if partition is None:
                key = record.key
                partition = self._next_partition if key is None else partition_of(key, count)
            elif not 0 <= partition < count:
                raise self._no_partition(partition)
            last_index[partition] = index
            partitions.append(partition)
        self._next_partition = (self._next_partition + 1) % count
        return partitions, last_index

    def add(self, records: Sequence[NewRecord], partitions: Sequence[int]) -> Delivery:
        """Count a batch in; QueueFullError or InvalidRecordError, and then nothing of it is counted."""
        counts: dict[int, int] = {}
        sizes: dict[int, int] = {}
        largest = 0
        for record, partition in zip(records, partitions, strict=True):
            size = RECORD_OVERHEAD_BYTES + len(record.value or b"") + len(record.key or b"")
            if record.headers:
                size += sum(len(name) + len(value or b"") for name, value in record.headers)
            largest = max(largest, size)
            counts[partition] = counts.get(partition, 0) + 1
            sizes[partition] = sizes.get(partition, 0) + size
        self._check(len(records), sum(sizes.values()), largest)
        delivery = Delivery(counts)
        for partition, count in counts.items():
            self._count_in(delivery, partition, count, sizes[partition])
        return delivery

    def add_run(self, partition: int, keys: Sequence[bytes], values: Sequence[bytes]) -> Delivery:
        """The same for a run of records of one partition, without headers."""
        assert len(keys) == len(values)
        if not 0 <= partition < self._partitions:
            raise self._no_partition(partition)
        sizes = list(map(add, map(len, keys), map(len, values)))
        size = sum(sizes) + RECORD_OVERHEAD_BYTES * len(sizes)
        self._check(len(sizes), size, max(sizes, default=0) + RECORD_OVERHEAD_BYTES)
        delivery = Delivery({partition: len(sizes)} if sizes else {})
        if sizes:
            self._count_in(delivery, partition, len(sizes), size)
        return delivery

    def _count_in(self, delivery: Delivery, partition: int, count: int, size: int) -> None:
        self._parts[delivery, partition] = count, size
        self.records += count
        self.bytes += size

    def _no_partition(self, partition: int) -> InvalidRecordError:
        return InvalidRecordError(
            f"there is no partition {partition} of {self._topic!r}; it has {self._partitions}, from 0"
        )

    def _check(self, count: int, size: int, largest: int) -> None:
        limits = self._limits
        if largest > limits.record_bytes_max + RECORD_OVERHEAD_BYTES:
            raise InvalidRecordError(
                f"a record of {largest - RECORD_OVERHEAD_BYTES} bytes for {self._topic!r} is larger than "
                f"{limits.record_bytes_max}; make it smaller"
            )
        if count > limits.records_max or size > limits.bytes_max:
            raise InvalidRecordError(
                f"a batch of {count} records and {size} bytes can never fit the buffer for {self._topic!r}; "
                f"publish at most {limits.records_max} records and {limits.bytes_max} bytes at once"
            )
        if not self._fits(count, size):
            self._refused = count, size
            raise QueueFullError(
                f"{self.records} records wait for the broker's answer in {self._topic!r}, and {count} more "
                "do not fit; wait for room"
            )
        self._refused = 0, 0

    def _fits(self, count: int, size: int) -> bool:
        limits = self._limits
        return self.records + count <= limits.records_max and self.bytes + size <= limits.bytes_max

    def settle(self, delivery: Delivery, partition: int, outcome: int | EventLogError) -> None:
        """A part of a batch has been answered for, once."""
        count, size = self._parts.pop((delivery, partition), (0, 0))
        if count:
            self.records -= count
            self.bytes -= size
            delivery.settle(partition, outcome)
            self._changed.set()

    def abandon(self, error: EventLogError) -> None:
        """Nothing more will be answered for: everything open has failed."""
        for delivery, partition in list(self._parts):
            self.settle(delivery, partition, error)
        self._changed.set()

    async def settled(self, timeout_s: float | None) -> None:
        """Wait until everything that is in here now has been answered for, or so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for delivery in dict.fromkeys(delivery for delivery, _ in self._parts):
                    await delivery.settled()

    def give_up(self) -> None:
        """The publisher is closed: what is open has failed, and UndeliveredError counts it."""
        undelivered = self.records
        self.abandon(ClientClosedError(f"the publisher for {self._topic!r} was closed"))
        if undelivered:
            raise UndeliveredError(
                f"{undelivered} records for {self._topic!r} were not acknowledged in time "
                "and are given up; the log's end tells which of them are stored"
            )

    def has_room(self) -> bool:
        """Whether half of the buffer is free, and what was refused last fits: who waits can go on."""
        limits = self._limits
        half_is_free = 2 * self.records <= limits.records_max and 2 * self.bytes <= limits.bytes_max
        return half_is_free and self._fits(*self._refused)

    async def change(self) -> None:
        """Wait until something has been answered for."""
        self._changed.clear()
        await self._changed.wait()
