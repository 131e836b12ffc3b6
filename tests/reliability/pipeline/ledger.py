"""What was published, kept outside of the log: the offset of each record follows from the order."""

from __future__ import annotations

from collections.abc import Sequence

from eventlog.client import NewRecord, Record
from ingest.topics import TELEMETRY
from tests.ingest.collecting.naive_fold import NaiveView, naive_fold


class Ledger:
    """One publisher's records, with explicit partitions."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self.ends: dict[int, int] = {}

    def add(self, records: Sequence[NewRecord]) -> None:
        """These were acknowledged, in this order."""
        for record in records:
            assert record.partition is not None
            offset = self.ends.get(record.partition, 0)
            self.ends[record.partition] = offset + 1
            self._records.append(
                Record(
                    TELEMETRY, record.partition, offset, record.timestamp_ms or 0, record.key, record.value
                )
            )

    def fold(self) -> NaiveView:
        """What a view of all of it holds."""
        return naive_fold(sorted(self._records, key=lambda record: (record.partition, record.offset)))
