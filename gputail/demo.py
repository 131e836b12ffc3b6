"""`python -m gputail.demo DIR [SECONDS]`: a pipeline under load, killed again and again, loses nothing.

Real processes: `gputail up` with a broker, two collectors and an API. The demo publishes a simulated fleet
itself and keeps a ledger of what was acknowledged. Meanwhile it kills (SIGKILL) the broker three times and a
collector once. Then every acknowledged value has to be in the view, once. The view is deleted while all of
it runs; the one that the collectors make again from the log has to give the same answers, byte for byte.

Exit codes: 0 all of that holds, 1 it does not, or something has failed; 2 bad usage.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from eventlog.client import open_queue
from eventlog.client.errors import EventLogError
from gputail.demo_load import Load
from gputail.demo_up import DemoError, DemoUp
from gputail.demo_verdict import Verdict, verdict_of
from gputail.pipeline_state import PipelineClient
from gputail.speaker import Speaker
from ingest.clock import SystemClock

LOAD_S: Final = 25.0
KILLED: Final = ("broker", "broker", "collector-1", "broker")
SETTLE_S_MAX: Final = 120.0
LOOK_S: Final = 0.1
CLOSE_S: Final = 5.0


class Demo:
    """One run, in a folder of its own."""

    def __init__(self, folder: Path, load_s: float, speaker: Speaker) -> None:
        self._folder = folder
        self._load_s = load_s
        self._speaker = speaker

    async def run(self) -> bool:
        """Whether all of it holds. DemoError, EventLogError, OSError."""
        say = self._speaker.say
        say(f"starting a broker, two collectors and an API in {self._folder}")
        up = await DemoUp.start(self._folder)
        try:
            load = await self._load(up)
            build = await self._applied(up, len(load.acked))
            before = await self._verdict(up, load)
            say(f"all of it is applied, to build {build}; the view is deleted while everything runs")
            self._delete_views()
            again = await self._applied(up, len(load.acked), deleted=build)
            say(f"the collectors have made build {again} from the log")
            after = await self._verdict(up, load)
        finally:
            await up.stop()
        self._tell(load, before, after)
        return before.is_good and before == after

    async def _load(self, up: DemoUp) -> Load:
        """Publish for so long, and kill meanwhile; all is acknowledged in the end."""
        broker = await up.address_of("broker")
        await up.ready("collector-1")  # who made the topics
        queue = open_queue(f"kafka://{broker}", client_id="gputail-demo")
        load = Load(queue, SystemClock())
        loading = asyncio.create_task(load.run())
        try:
            for part in KILLED:
                await self._wait(loading, self._load_s / (len(KILLED) + 1))
                acked = len(load.acked)
                pid = await up.kill(part)
                await self._acknowledged(loading, load, acked)
                self._speaker.say(
                    f"{acked:,} events acknowledged; kill -9 of {part} (process {pid}): it is back"
                )
            await self._wait(loading, self._load_s / (len(KILLED) + 1))
            load.stop()
            await loading
        finally:
            loading.cancel()
            with suppress(asyncio.CancelledError, EventLogError):
                await loading
            await queue.close(CLOSE_S)
        return load

    async def _wait(self, loading: asyncio.Task[None], seconds: float) -> None:
        """So long, or until the load has failed, which is raised."""
        done, _ = await asyncio.wait({loading}, timeout=seconds)
        for task in done:
            task.result()

    async def _acknowledged(self, loading: asyncio.Task[None], load: Load, acked: int) -> None:
        """Wait until more is acknowledged than that was; DemoError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S_MAX):
                while len(load.acked) <= acked:
                    await self._wait(loading, LOOK_S)
                return
        raise DemoError(f"nothing is acknowledged any more, for {SETTLE_S_MAX:g} s")

    def _delete_views(self) -> None:
        """All at once: the collectors make them anew as soon as they miss any of it."""
        shutil.rmtree((self._folder / "views").rename(self._folder / "views-deleted"))

    async def _verdict(self, up: DemoUp, load: Load) -> Verdict:
        return await asyncio.to_thread(verdict_of, await up.address_of("api"), load.acked)

    async def _applied(self, up: DemoUp, records: int, deleted: str = "") -> str:
        """Wait until the view has so many, in another build than the deleted one; its build. DemoError."""
        client = PipelineClient(await up.address_of("api"))
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S_MAX):
                while True:
                    state = await client.state()
                    if state and state.build != deleted and state.applied_records >= records:
                        return state.build
                    await asyncio.sleep(LOOK_S)
        raise DemoError(f"the view is not up to date within {SETTLE_S_MAX:g} s")

    def _tell(self, load: Load, before: Verdict, after: Verdict) -> None:
        digest = "equal" if before.digest == after.digest else "DIFFERS"
        for name, said in (
            ("acked", f"{before.acked:,} values in {len(load.acked):,} events"),
            ("found", f"{before.found:,}"),
            ("lost", f"{before.lost:,}"),
            ("doubled", f"{before.doubled:,}"),
            ("altered", f"{before.altered:,}"),
            ("reordered", f"{before.reordered:,}"),
            ("digest", f"{digest}: {before.digest[:16]} before, {after.digest[:16]} of the view made again"),
        ):
            self._speaker.say(f"{name:<10} {said}")


def main(argv: Sequence[str]) -> int:
    """Run the demo; the exit code."""
    speaker = Speaker()
    try:
        folder, load_s = Path(argv[0]), float(argv[1]) if len(argv) > 1 else LOAD_S
        if len(argv) > 2 or argv[0].startswith("-") or not 0 < load_s <= 3600:
            raise ValueError(argv)
    except (IndexError, ValueError):
        speaker.fail(DemoError("usage: python -m gputail.demo DIR [SECONDS]"))
        return 2
    logging.getLogger("eventlog").addHandler(logging.NullHandler())  # a broker that is away is what we want
    try:
        return 0 if asyncio.run(Demo(folder, load_s, speaker).run()) else 1
    except (DemoError, EventLogError, OSError) as error:
        speaker.fail(error)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
