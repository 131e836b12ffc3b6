"""Producers of small batches, each batch different, with the retries of a real client."""

from __future__ import annotations

from random import Random

import attrs

from eventlog.record.batch import encode_batch
from eventlog.record.compression import Codec
from eventlog.record.record import Record
from tests.reliability.ledger import SentBatch

NOT_IDEMPOTENT = -1


@attrs.define(eq=False)
class Producer:
    """Makes the batches of one partition; with a producer id it numbers them."""

    rng: Random
    clock_ms: int
    producer_id: int = NOT_IDEMPOTENT
    next_sequence: int = 0
    unsettled: list[SentBatch] = attrs.field(factory=list)
    """Sent and not acknowledged, oldest first: what a client sends again after an error."""
    must_resend: bool = False
    value_bytes_max: int = 150

    @property
    def is_idempotent(self) -> bool:
        return self.producer_id != NOT_IDEMPOTENT

    def next_batch(self) -> bytes:
        """One to four records, no two batches alike; now and then compressed."""
        rng = self.rng
        count = rng.choice((1, 1, 1, 2, 4))
        records = [
            Record(b"key", rng.randbytes(rng.randrange(16, self.value_bytes_max)), (), self.clock_ms)
            for _ in range(count)
        ]
        codec = Codec.ZSTD if rng.random() < 0.1 else Codec.NONE
        if not self.is_idempotent:
            return bytes(encode_batch(records, codec=codec))
        sequence = self.next_sequence
        self.next_sequence += count
        return bytes(
            encode_batch(
                records, codec=codec, producer_id=self.producer_id, producer_epoch=0, base_sequence=sequence
            )
        )

    def begin_anew(self) -> None:
        """What a client does that cannot go on: another producer id, from sequence 0, nothing sent again."""
        if self.is_idempotent:
            self.producer_id = self.rng.getrandbits(62)
        self.next_sequence = 0
        self.unsettled.clear()
        self.must_resend = False
