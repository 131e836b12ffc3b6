"""One line of `gputail doctor`: what was looked at, what was found, and what to do about it."""

from __future__ import annotations

import enum

import attrs


class Verdict(enum.Enum):
    """How serious it is."""

    FINE = "fine"
    NOTE = "note"
    """It works, and not as well or as safely as it could."""
    MEND = "mend"
    """Something will not work, or data can be lost."""


@attrs.frozen
class Finding:
    """What one check has found; both texts are one line."""

    name: str
    verdict: Verdict
    said: str
    advice: str = ""
    """What to do; empty where all is fine."""

    def __str__(self) -> str:
        return f"{self.verdict.value:<4}  {self.name:<12}  {self.said}" + (
            f"; {self.advice}" if self.advice else ""
        )
