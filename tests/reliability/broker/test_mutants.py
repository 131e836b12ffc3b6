"""H1 at the broker: each mutant is caught by the check that is meant for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.broker.mutants import CHECKS, MUTANTS, Check
from tests.reliability.mutants import Mutant

RUNS = 4
"""A mutant may be lucky: what of it is seen hangs on when sockets, threads and disk take their turns."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_the_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    """The check fails while the broker is broken in this way."""
    with mutant.patch(), pytest.raises(AssertionError):
        run_again_and_again(CHECKS[mutant.check], tmp_path)


def run_again_and_again(check: Check, folder: Path) -> None:
    for number in range(RUNS):
        check.run(folder / f"data-{number}")


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_nothing_is_caught_without_a_mutant(check: Check, tmp_path: Path) -> None:
    """The same checks, with the same seeds, pass on the broker as it is."""
    check.run(tmp_path / "data")


def test_every_check_has_a_mutant() -> None:
    """Each check has caught something."""
    assert set(CHECKS) == {mutant.check for mutant in MUTANTS}
