"""R9: producers whose answers get lost, on a disk that a kill leaves as it is."""

from __future__ import annotations

from tests.reliability.broker.retries import check_retries


def test_batches_that_are_sent_again_are_stored_once(seed: int) -> None:
    """Lost answers, ended connections and dead brokers: nothing twice, nothing lost, the order is kept."""
    check_retries(seed=seed, lives=3, batches=50)
