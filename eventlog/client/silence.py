"""Records that do not come: because the end of the log is damaged, and not because nobody answers."""

from __future__ import annotations

from eventlog.client.batch import Batch
from eventlog.client.port import MessageQueue, Subscription

SILENT_S_MAX = 5.0
"""After so long without a record, from a broker that answers, what is left is damaged."""
POLLS = 10
"""In which it is waited for."""


async def poll_until_silent(
    queue: MessageQueue,
    subscription: Subscription,
    silent_s_max: float = SILENT_S_MAX,
    *,
    records_max: int = 10_000,
) -> Batch:
    """The next batch; an empty one where a broker that answers brings nothing for so long.

    A broker that passes over damage says nothing where nothing comes after it: whoever waits for those
    offsets would wait for ever. But a broker that is away brings nothing either, and a process that was
    stopped finds its time gone. So empty polls are counted, not the time, and each one only with an answer
    of the broker after it.

    Raises:
        BrokerUnavailableError: nobody answers, which says nothing about the records.
        UnknownTopicError, and what a poll raises.
    """
    for _ in range(POLLS):
        batch = await subscription.poll(records_max=records_max, timeout_s=silent_s_max / POLLS)
        if batch:
            return batch
        await queue.watermarks(subscription.assignment)
    return Batch()
