"""The rows of a pass, by partition."""

from __future__ import annotations

from collections.abc import Sequence

from eventlog.client import partition_of
from ingest.pass_rows import Passes
from ingest.telemetry.codec import EventTemplate
from ingest.telemetry.model import Sample
from tests.ingest.streaming.fleet import Fleet, samples


async def passes(source: Fleet | None = None) -> Passes:
    opened = source or Fleet(20, 3)
    await opened.open()
    return Passes(opened, "id", 4, opened.pass_count)


async def test_every_row_is_in_the_partition_of_its_gpu() -> None:
    """In their order, with key and event; counts and last rows tell the same."""
    found = (await passes()).rows(1)
    seen = []
    for number in range(4):
        part = found.partition(number)
        assert found.count(number) == len(part) == len(part.keys) == len(part.parts)
        assert sorted(part.rows) == part.rows
        assert part.rows[-1] == found.last_rows()[number]
        for row, key, parts in zip(part.rows, part.keys, part.parts, strict=True):
            sample = samples(20, 3)[row]
            assert (number, sample.gpu.uuid.encode()) == (partition_of(key, 4), key)
            assert EventTemplate(sample, "id").render(5, 6) == part.stamp.render(5, 6).join(parts)
        seen += part.rows
    assert list(range(60)) == sorted(seen)
    assert 60 == len(found)


async def test_a_partition_without_rows_is_empty() -> None:
    """Few GPUs leave partitions over."""
    found = (await passes(Fleet(1, 2))).rows(1)
    empty = next(number for number in range(4) if number not in found.last_rows())
    assert 0 == len(found.partition(empty)) == found.count(empty)


async def test_passes_that_are_alike_are_prepared_once() -> None:
    """A file is not prepared again for each pass."""
    prepared = await passes()
    first = prepared.rows(1)
    assert all(prepared.rows(number) is first for number in (2, 3, 50, 2, 1_700_000_000_000))


async def test_passes_that_differ_are_told_apart() -> None:
    """And those who stand at the same one share it."""

    class Growing(Fleet):
        def samples(self, pass_number: int) -> Sequence[Sample]:
            return super().samples(pass_number)[:pass_number]

    prepared = await passes(Growing(20, 3))
    second, third = prepared.rows(2), prepared.rows(3)
    assert (2, 3) == (len(second), len(third))
    assert (second, third) == (prepared.rows(2), prepared.rows(3))
    assert [4, 2] == [len(prepared.rows(number)) for number in (4, 2)]


async def test_the_last_pass_is_known() -> None:
    """Where there is one."""
    ending, endless = await passes(Fleet(pass_count=3)), await passes()
    assert [False, True, True] == [ending.is_last(number) for number in (2, 3, 4)]
    assert not endless.is_last(10**15)
