"""H1 for the pipeline: each mutant is caught by the check that is meant for it."""

from __future__ import annotations

import pytest

from tests.reliability.mutants import Mutant
from tests.reliability.pipeline.mutants import CHECKS, MUTANTS, Check


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_the_mutant_is_caught(mutant: Mutant) -> None:
    """The check fails while the pipeline is broken in this way; one that waits for ever gives up."""
    with mutant.patch(), pytest.raises((AssertionError, TimeoutError)):
        CHECKS[mutant.check].run_broken()


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_nothing_is_caught_without_a_mutant(check: Check) -> None:
    """The same checks, with the same seeds, pass on the pipeline as it is."""
    check.run()


def test_every_check_has_a_mutant() -> None:
    """Each check has caught something."""
    assert set(CHECKS) == {mutant.check for mutant in MUTANTS}
