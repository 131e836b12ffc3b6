"""Runs of records, and the batches that are made of them."""

from __future__ import annotations

from eventlog.client import Batch, Record, Run, TopicPartition, runs_of


def record(partition: int, offset: int, topic: str = "t") -> Record:
    return Record(topic, partition, offset, 7, b"k", b"%d" % offset, (("h", b"x"),))


RECORDS = [record(0, 3), record(0, 5), record(1, 0), record(1, 0, "u"), record(0, 6)]


def columns(run: Run) -> tuple[TopicPartition, list[int], list[bytes | None]]:
    return run.at, list(run.offsets), list(run.values)


def test_records_of_a_partition_that_lie_together_are_a_run() -> None:
    """Each run is of one topic and partition, and its columns have what its records have."""
    expected = [
        (TopicPartition("t", 0), [3, 5], [b"3", b"5"]),
        (TopicPartition("t", 1), [0], [b"0"]),
        (TopicPartition("u", 1), [0], [b"0"]),
        (TopicPartition("t", 0), [6], [b"6"]),
    ]
    assert expected == [columns(run) for run in runs_of(RECORDS)]
    assert [] == runs_of([])


def test_a_batch_has_the_records_of_its_runs() -> None:
    """Whole records, in the order of the runs; it counts them without making them."""
    batch = Batch(runs_of(RECORDS))
    assert RECORDS == batch.records
    assert 5 == batch.record_count
    assert batch
    assert not Batch()
