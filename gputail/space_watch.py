"""A word in the log when the volume gets low, and when it has room again."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from eventlog.storage.log_directory import LogDirectory

LOOK_S: Final = 1.0

logger = logging.getLogger(__name__)


async def watch_space(directory: LogDirectory) -> None:
    """Look until cancelled."""
    was_low = False
    while True:
        if directory.is_low and not was_low:
            logger.warning(
                "the volume is low on space: appends are refused until some is freed",
                extra={"action": "disk_low", "free_bytes": directory.free_bytes},
            )
        elif was_low and not directory.is_low:
            logger.info(
                "the volume has room again: appends are taken",
                extra={"action": "disk_low", "free_bytes": directory.free_bytes},
            )
        was_low = directory.is_low
        await asyncio.sleep(LOOK_S)
