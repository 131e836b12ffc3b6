"""What producers sent to a broker and what it answered, kept outside of the broker."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from eventlog.record.batch import patch_batch
from eventlog.record.header import CRC_START, HEADER


@attrs.define(eq=False)
class SentBatch:
    """One batch of one producer; `number` is its place among those of that producer."""

    data: bytes
    producer: object
    number: int
    acked_offset: int | None = None

    @property
    def record_count(self) -> int:
        return int(HEADER.unpack_from(self.data)[-1])

    def stored_at(self, base_offset: int) -> bytes:
        """The bytes that a consumer must get: as sent, in their place."""
        data = bytearray(self.data)
        patch_batch(data, base_offset)
        return bytes(data)


@attrs.define(eq=False)
class SentPartition:
    """Everything that was sent to one partition, in the order in which it was first sent."""

    batches: list[SentBatch] = attrs.field(factory=list)

    @property
    def acked(self) -> list[SentBatch]:
        """The batches that the broker has promised to keep."""
        return [batch for batch in self.batches if batch.acked_offset is not None]

    def check(
        self, found: Sequence[bytes], acked: Sequence[SentBatch] | None = None, *, start_offset: int = 0
    ) -> None:
        """Nothing lost, altered, reordered, stored twice or made up; AssertionError where something is.

        `found` are the partition's batches from its log start to its high watermark, `acked` what was
        acknowledged at the moment in question (default: by now).
        """
        by_body = {batch.data[CRC_START:]: batch for batch in self.batches}
        assert len(by_body) == len(self.batches), "no two batches that are sent are alike"
        offset, places, newest = start_offset, dict[SentBatch, int](), dict[object, int]()
        for data in found:
            base_offset = int(HEADER.unpack_from(data)[0])
            batch = by_body.get(data[CRC_START:])
            assert batch is not None, f"phantom: the batch at offset {base_offset} was never sent"
            assert batch not in places, f"duplicated: at offsets {places[batch]} and {base_offset}"
            assert batch.stored_at(base_offset) == data, f"altered: the batch at offset {base_offset}"
            assert base_offset == offset or not places, f"a gap: offset {offset} is followed by {base_offset}"
            before = newest.get(batch.producer, -1)
            assert before < batch.number, f"reordered: {batch.number} after {before}, offset {base_offset}"
            places[batch], newest[batch.producer] = base_offset, batch.number
            offset = base_offset + batch.record_count
        for batch in self.acked if acked is None else acked:
            assert batch.acked_offset is not None
            if batch.acked_offset >= start_offset:
                assert batch in places, (
                    f"lost: the batch that was acknowledged at offset {batch.acked_offset}"
                )
                assert batch.acked_offset == places[batch], f"moved: acknowledged at {batch.acked_offset}"
