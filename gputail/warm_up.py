"""What the first clients would otherwise wait for, loaded once the broker is ready.

The schemas of the APIs that clients use seldom are imported on their first use: the library that has
them for some hundred milliseconds, each version of an API for some more. It is done in a thread, one
schema after another, so that the event loop gets its turn in between. A version that is not here works as
well; its first request takes a little longer.
"""

from __future__ import annotations

import asyncio
from typing import Final

from eventlog.protocol.schemas import preload
from eventlog.protocol.versions import ApiKey

USUAL_VERSIONS: Final = (
    (ApiKey.METADATA, (12, 5, 4)),
    (ApiKey.INIT_PRODUCER_ID, (4, 0)),
    (ApiKey.FIND_COORDINATOR, (2, 4, 1)),
    (ApiKey.JOIN_GROUP, (5, 7)),
    (ApiKey.SYNC_GROUP, (3, 5)),
    (ApiKey.OFFSET_FETCH, (9, 8, 3)),
    (ApiKey.LIST_OFFSETS, (7, 3)),
    (ApiKey.HEARTBEAT, (3, 4, 1)),
    (ApiKey.OFFSET_COMMIT, (9, 8, 3)),
    (ApiKey.LEAVE_GROUP, (1, 5)),
    (ApiKey.CREATE_TOPICS, (4,)),
)
"""What librdkafka 2.16, kafka-python 3.0 and aiokafka 0.14 send, in the order in which they need it."""

PAUSE_S = 0.01


async def warm_up() -> None:
    """Load the usual schemas, with a pause after each."""
    for api_key, versions in USUAL_VERSIONS:
        for version in versions:
            await asyncio.to_thread(preload, api_key, version)
            await asyncio.sleep(PAUSE_S)
