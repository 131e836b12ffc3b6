"""H1: each mutant of the storage engine is caught by the check that is meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.reliability.mutants import CHECKS, MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_the_mutant_is_caught(mutant: Mutant) -> None:
    """The check fails while the storage engine is broken in this way."""
    with mutant.patch(), pytest.raises(AssertionError):
        CHECKS[mutant.check]()


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_nothing_is_caught_without_a_mutant(check: Callable[[], object]) -> None:
    """The same checks, with the same seeds, pass on the storage engine as it is."""
    check()


def test_every_check_has_a_mutant() -> None:
    """Each check has caught something, and there are enough mutants for the table to mean something."""
    assert set(CHECKS) == {mutant.check for mutant in MUTANTS}
    assert len(MUTANTS) >= 12
