"""How fast a counter grows."""

from __future__ import annotations

from collections import deque
from typing import Final

SPAN_S: Final = 10.0
"""What came before is forgotten, so that a rate is that of now."""


class Rate:
    """The growth of a counter over the last seconds, from what it said at some moments."""

    def __init__(self, span_s: float = SPAN_S) -> None:
        self._span_s = span_s
        self._readings: deque[tuple[float, float]] = deque()

    def read(self, now_s: float, count: float) -> float:
        """Note what the counter says at a moment, not before the last one; its growth in a second."""
        readings = self._readings
        if readings and count < readings[-1][1]:  # it began anew
            readings.clear()
        readings.append((now_s, count))
        while len(readings) > 2 and readings[1][0] <= now_s - self._span_s:
            readings.popleft()
        first_s, first = readings[0]
        return (count - first) / (now_s - first_s) if now_s > first_s else 0.0
