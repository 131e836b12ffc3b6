"""The group's committed offsets, which follow the view's checkpoints and never run ahead of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from eventlog.client import Subscription
from eventlog.client.errors import BrokerUnavailableError, RebalanceInProgressError, StaleGenerationError
from ingest.collector_counters import CollectorCounters
from ingest.log_ends import LogEnds

logger = logging.getLogger(__name__)

ANSWER_S_MAX = 1.0
"""How long one commit waits for a broker that does not answer: whoever stops has ten seconds for all."""


class GroupCommits:
    """What was applied and is to be committed. They are for lag and for tools: none has to succeed."""

    def __init__(self, ends: LogEnds, metadata: str, counters: CollectorCounters) -> None:
        self._ends = ends
        self._metadata = metadata
        self._counters = counters
        self._waiting: dict[int, int] = {}

    def applied(self, next_offsets: Mapping[int, int]) -> None:
        """The view has these checkpoints, durably."""
        self._waiting |= next_offsets

    def forget(self, numbers: frozenset[int]) -> None:
        """These are somebody else's now, who may have committed more already."""
        for number in numbers:
            self._waiting.pop(number, None)

    async def commit(self, subscription: Subscription, numbers: frozenset[int] | None = None) -> None:
        """Commit what waits, of these partitions or of all that are ours."""
        self.forget(frozenset(self._waiting) - {at.partition for at in subscription.assignment})
        offsets = {
            number: offset for number, offset in self._waiting.items() if numbers is None or number in numbers
        }
        if not offsets:
            return
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await subscription.commit(
                    {self._ends.at(number): offset for number, offset in offsets.items()}, self._metadata
                )
        except (RebalanceInProgressError, BrokerUnavailableError, TimeoutError) as error:
            # The next commit carries them too.
            logger.debug("the group's offsets wait", extra={"action": "commit", "error": str(error)})
            return
        except StaleGenerationError as error:
            logger.info("the group has moved on", extra={"action": "commit", "error": str(error)})
        else:
            self._counters.commits += 1
        for number, offset in offsets.items():
            if self._waiting.get(number) == offset:
                del self._waiting[number]
