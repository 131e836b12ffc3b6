"""A gate in front of a view: calls wait there until it is opened."""

from __future__ import annotations

import threading
from collections.abc import Callable

from query.views.store import Changes, ViewWriter
from tests.ingest.collecting.running import WAIT_S, Pipeline
from tests.ingest.collecting.writers import WrappedWriter


class Gate:
    """Closed at first."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self.waiting = 0
        """How many have come so far."""
        self.held: list[Changes] = []
        """What they were to apply."""

    def open(self) -> None:
        self._opened.set()

    def wait(self) -> None:
        self.waiting += 1
        assert self._opened.wait(WAIT_S), "nobody opened the gate"

    def writer_of(self, pipeline: Pipeline) -> Callable[[], ViewWriter]:
        """Opens writers whose changes wait here."""
        gate = self

        class Gated(WrappedWriter):
            def apply(self, changes: Changes) -> None:
                gate.held.append(changes)
                gate.wait()
                super().apply(changes)

        return lambda: Gated(pipeline.writer())
