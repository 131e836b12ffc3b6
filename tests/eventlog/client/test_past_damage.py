"""The search for the end of a damaged range."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventlog.client.past_damage import search


class Log:
    """Stretches of damaged and of readable offsets in turn, damage first; counts what it is asked."""

    def __init__(self, stretches: list[int]) -> None:
        self.readable: list[bool] = []
        for number, length in enumerate(stretches):
            self.readable += [number % 2 == 1] * length
        self.asked = 0

    async def is_readable(self, offset: int) -> bool:
        assert 0 < offset < len(self.readable)
        self.asked += 1
        return self.readable[offset]


STRETCHES = st.lists(st.integers(1, 40), min_size=1, max_size=8)


@given(STRETCHES)
async def test_what_is_found_is_the_end_of_damage(stretches: list[int]) -> None:
    """It can be read, or is the end of the log, and what lies before it is damaged."""
    log = Log(stretches)

    found = await search(0, len(log.readable), log.is_readable)

    assert found == len(log.readable) or log.readable[found]
    assert not log.readable[found - 1]


@given(st.integers(1, 40), st.integers(0, 40), STRETCHES)
async def test_no_stretch_as_long_as_the_damage_is_passed_over(
    damaged: int, more: int, rest: list[int]
) -> None:
    """The first one that is long enough is found at its beginning."""
    log = Log([damaged, damaged + more, *rest])

    assert damaged == await search(0, len(log.readable), log.is_readable)


@given(st.integers(1, 10**6))
async def test_long_damage_takes_few_questions(damaged: int) -> None:
    """Two for each doubling."""
    log = Log([damaged, damaged])

    assert damaged == await search(0, len(log.readable), log.is_readable)
    assert log.asked <= 2 * damaged.bit_length() + 1
