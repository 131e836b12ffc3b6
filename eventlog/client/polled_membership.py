"""A membership is a subscription that brings no records, and that somebody keeps polling."""

from __future__ import annotations

from eventlog.client.description import TopicPartition
from eventlog.client.errors import ClientClosedError
from eventlog.client.port import Membership, Subscription


class PolledMembership(Membership):
    """See `Membership`."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._closed = False

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self._subscription.assignment

    async def serve(self) -> None:
        while not self._closed:
            try:
                await self._subscription.poll(timeout_s=1.0)
            except ClientClosedError:
                return

    async def close(self, deadline_s: float = 10.0) -> None:
        self._closed = True
        await self._subscription.close(deadline_s)
