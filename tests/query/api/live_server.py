"""A process that serves live streams, and tells how it is doing when asked for it."""

from __future__ import annotations

import asyncio
import json
import sys

from query.api.settings import ApiSettings
from tests.query.api.fleet import Fleet
from tests.query.api.long_listing import memory_bytes
from tests.query.api.serving import serving


async def main() -> None:
    """Serve so many rounds of entries until stdin ends."""
    fleet = Fleet()
    fleet.add(int(sys.argv[1]))
    settings = ApiSettings(live_poll_s=0.05, stream_idle_s_max=float(sys.argv[2]))
    async with serving(fleet.reader(), settings) as api:
        print(json.dumps({"port": api.port}), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            streams = api.app.live_streams
            counts = {"open": streams.open, "dropped": streams.dropped}
            print(json.dumps({**memory_bytes(), **counts}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
