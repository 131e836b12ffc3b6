"""What librdkafka says goes to our log; of a broker that is away it is told once, and once that it is back.

librdkafka tells of each attempt to connect, dozens a second. Of each client's attempts the first is a
warning; later ones are debug lines, and a warning again when the client has been silent for a minute.
"""

from __future__ import annotations

import logging
from typing import Protocol

from eventlog.clock import Clock, SystemClock

librdkafka_logger = logging.getLogger("eventlog.client.librdkafka")

SILENCE_S = 60.0
"""Between two warnings of one client, at least."""
QUIET_S = 2.0
"""Without a failure, before an answer counts: records that were fetched before may still be handed out.
librdkafka tries again at least every second."""

_CONNECTION = ("FAIL", "ERROR", "GETPID")
"""librdkafka's names for: a connection is lost or refused; so is the last one; there is none to ask for a
publisher's id."""
_EXPERIMENTAL = "enable.gapless.guarantee is experimental"
"""Said at each start of a publisher: we know, and tests hold what we need of it."""


class LineLog(Protocol):
    """Where librdkafka's binding writes lines."""

    def log(self, level: int, line: str, *arguments: object) -> None:
        """A line in the form that `logging` takes."""


class KafkaLog(LineLog):
    """The log of one client, of a publisher's senders together."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._warned_s: float | None = None
        self._failed_s = 0.0
        self._failures = 0
        self._is_told = False

    def log(self, level: int, line: str, *arguments: object) -> None:
        """A line of librdkafka's; the first of the arguments is what it calls a facility."""
        if _EXPERIMENTAL in str(arguments):
            return
        if not arguments or arguments[0] not in _CONNECTION:
            librdkafka_logger.log(level, line, *arguments)
            return
        if level < logging.WARNING:  # an idle connection that was closed, too
            librdkafka_logger.debug(line, *arguments)
            return
        self._failures += 1
        now_s = self._failed_s = self._clock.monotonic_s()
        if self._warned_s is not None and now_s - self._warned_s < SILENCE_S:
            librdkafka_logger.debug(line, *arguments)
            return
        self._warned_s, self._is_told = now_s, True
        librdkafka_logger.warning(
            "the broker is away; trying to connect until it is back",
            extra={"action": "connect", "failures": self._failures, "error": line % arguments},
        )

    def answered(self) -> None:
        """The broker has answered."""
        if not self._failures or self._clock.monotonic_s() - self._failed_s < QUIET_S:
            return
        if self._is_told:
            self._tell_back()
        self._failures, self._is_told = 0, False

    def _tell_back(self) -> None:
        librdkafka_logger.info("the broker is back", extra={"action": "connect", "failures": self._failures})
