"""How to get past a damaged range, which the broker refuses without saying how long it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from eventlog.client.description import TopicPartition
from eventlog.client.errors import BrokerUnavailableError
from eventlog.client.port import MessageQueue, Subscription


async def next_readable(
    queue: MessageQueue, at: TopicPartition, damaged: int, end: int, *, answer_s: float
) -> int:
    """The first readable offset after a damaged one, `end` where all up to there is damaged; see `search`.

    BrokerUnavailableError where an answer takes longer than `answer_s`.
    """
    if damaged + 1 >= end:
        return end
    probe = await queue.read({at: damaged + 1})
    try:
        return await search(damaged, end, lambda offset: _is_readable(probe, at, offset, answer_s))
    finally:
        await probe.close()


async def search(damaged: int, end: int, is_readable: Callable[[int], Awaitable[bool]]) -> int:
    """The end of the damage that begins at or before `damaged`, below `end` or at it.

    Steps double until an offset can be read, and are halved again from there: two questions for each
    doubling of the damage. A readable stretch that is shorter than the damage before it may be passed
    over with it; what is returned is always readable, or `end`, and what lies just before it is not.
    """
    bad, good, step = damaged, end, 1
    while bad + step < end:
        if await is_readable(bad + step):
            good = bad + step
            break
        bad, step = bad + step, step * 2
    while good - bad > 1:
        middle = (bad + good) // 2
        if await is_readable(middle):
            good = middle
        else:
            bad = middle
    return good


async def _is_readable(probe: Subscription, at: TopicPartition, offset: int, answer_s: float) -> bool:
    await probe.seek(at, offset)
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + answer_s
    while loop.time() < deadline_s:
        batch = await probe.poll(records_max=1, timeout_s=max(0.0, deadline_s - loop.time()))
        if any(record.offset >= offset for record in batch.records):
            return True
        if any(refusal.offset in {None, offset} for refusal in batch.refusals):
            return False
    raise BrokerUnavailableError(f"no answer for offset {offset} of {at} within {answer_s:g} s")
