"""The checks of the pipeline that tell of mutants, over views in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.reliability.pipeline.following import check_group_follows
from tests.reliability.pipeline.republished import check_republished
from tests.reliability.pipeline.shared_view import check_shared_view


@pytest.mark.parametrize("rounds", [1, pytest.param(60, marks=pytest.mark.long)])
def test_collectors_that_come_back_with_a_batch_in_hand(
    seed: int, views_of: Callable[..., str], rounds: int
) -> None:
    """R11: zombies and records that go by unseen change nothing in the view."""
    check_shared_view(seed=seed, rounds=rounds, views=views_of("postgres"))


def test_events_that_are_published_twice(seed: int, views_of: Callable[..., str]) -> None:
    """Are there once."""
    check_republished(seed=seed, events=150, views=views_of("postgres"))


def test_the_group_follows_the_view(seed: int, views_of: Callable[..., str]) -> None:
    """P7: no commit is ahead of what is stored."""
    check_group_follows(seed=seed, records=150, views=views_of("postgres"))
