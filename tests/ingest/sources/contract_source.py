"""What every source promises, whatever it reads. A subclass gives the fixture `make`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from ingest.sources.source import Source

PASSES = (1, 2, 1_000, 1)
MakeSource = Callable[[], Source]
"""Makes a source of the same name each time, not opened."""


async def opened(make: MakeSource) -> Source:
    source = make()
    await source.open()
    return source


class SourceContract:
    is_static: bool
    """Whether its passes are all alike."""

    async def test_the_same_id_is_the_same_rows(self, make: MakeSource) -> None:
        """Two processes that open it read the same in any pass, in any order."""
        one, other = await opened(make), await opened(make)
        assert one.id == other.id
        assert one.pass_count == other.pass_count
        numbers = [number for number in PASSES if one.pass_count is None or number <= one.pass_count]
        passes = {number: list(one.samples(number)) for number in numbers}
        assert passes == {number: list(other.samples(number)) for number in reversed(numbers)}

    async def test_rows_ascend(self, make: MakeSource) -> None:
        """Within a pass, from 0 or above: what tells two samples of a pass apart."""
        source = await opened(make)
        for number in PASSES:
            rows = [sample.row for sample in source.samples(number)]
            assert rows
            assert rows[0] >= 0
            assert all(before < after for before, after in pairwise(rows))

    async def test_a_pass_can_be_read_again(self, make: MakeSource) -> None:
        """It is the same; where all passes are alike the same object, so that nobody renders it anew."""
        source = await opened(make)
        first = source.samples(1)
        copy = list(first)
        later = source.samples(1_000)
        assert copy == list(source.samples(1))
        assert self.is_static == (first is later)
        assert self.is_static == (copy == list(later))

    async def test_it_may_be_opened_twice(self, make: MakeSource) -> None:
        """The second time does nothing: what was read first is what the id promises."""
        source = await opened(make)
        source_id, samples = source.id, source.samples(1)
        await source.open()
        assert (source_id, list(samples)) == (source.id, list(source.samples(1)))
        assert self.is_static == (samples is source.samples(1))

    async def test_what_was_skipped_is_counted(self, make: MakeSource) -> None:
        """As many as are listed, or more."""
        source = await opened(make)
        assert len(source.bad_rows) <= source.bad_row_count

    async def test_other_content_is_another_id(self, make: MakeSource, make_other: MakeSource) -> None:
        """Positions in the one are no positions in the other."""
        one, other = await opened(make), await opened(make_other)
        assert list(one.samples(1)) != list(other.samples(1))
        assert one.id != other.id
