"""`gputail up`: the whole pipeline on this machine, each part a process of its own.

The order of a start: the broker and the API, then, as soon as the broker is ready, the collectors and the
streamers. The order of a stop: streamers, collectors, the API, the broker, so that each finds what it needs
to end well. A second signal kills all at once; nothing that was acknowledged is lost by that.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any, Final

from gputail import __version__
from gputail.child import ChildSpec
from gputail.data_folder import DataFolder, FolderInUseError
from gputail.endpoint import Endpoint
from gputail.first_lines import first_lines
from gputail.kept_log import KeptLog
from gputail.pipeline_specs import API, BROKER, api_spec, broker_spec, collector_specs, streamer_specs
from gputail.pipeline_state import PipelineClient
from gputail.ports import choose, is_free
from gputail.serve_options import API_LISTEN
from gputail.source_options import PaceOptions
from gputail.speaker import Speaker
from gputail.status import Status
from gputail.supervisor import ChildFailedError, Supervisor
from gputail.up_health import UpHealth
from gputail.up_options import UpOptions
from ingest.errors import IngestError
from ingest.sources.opening import open_source

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
BROKER_LISTEN: Final = Endpoint("127.0.0.1", 9092)
ORPHANS_S_MAX: Final = 25.0
"""How long the children of a run whose supervisor was killed may take to end."""
PORTS_LOST_MAX: Final = 5
"""How often a default port may be taken between its choice and its use."""
ASK_AGAIN_S: Final = 0.1
STATUS_S: Final = 1.0
PATIENCE_S: Final = 5.0
"""How long nothing can be queried, at first and from then on, before a line says why."""
STATUS_APART_S: Final = 10.0
"""From one status line to the next where they scroll."""


class Up:
    """One run, from start to exit code."""

    def __init__(self, options: UpOptions, pace: PaceOptions, speaker: Speaker) -> None:
        self._options = options
        self._pace = pace
        self._speaker = speaker
        self._folder = DataFolder(options.data_dir)
        self._supervisor = Supervisor(self._folder, speaker.say)
        self._health = UpHealth(options.admin_listen, self._supervisor.pids)
        self._stop_wanted = asyncio.Event()
        self._workers: tuple[list[ChildSpec], list[ChildSpec]] = ([], [])
        """Streamers and collectors, in the order in which they are stopped."""

    async def run(self) -> int:
        """Run until a signal ends it, or it cannot be started; the exit code."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        asked = asyncio.create_task(self._stop_wanted.wait())
        course = asyncio.create_task(self._course())
        code = 0
        try:
            await asyncio.wait({course, asked}, return_when=asyncio.FIRST_COMPLETED)
            if course.done():
                await course
        except* (ChildFailedError, FolderInUseError, IngestError, OSError) as group:
            self._speaker.fail(_first_of(group))
            code = 1
        finally:
            await _end(course, asked)
            self._speaker.end()
            self._health.reason = "it stops"
            await self._stop()
            self._health.stop()
            self._folder.release()
        return code

    def _on_signal(self) -> None:
        if self._stop_wanted.is_set():
            self._supervisor.kill()
        self._stop_wanted.set()

    async def _stop(self) -> None:
        if self._stop_wanted.is_set() and self._supervisor.pids():
            self._speaker.say("stopping in order; ^C again ends all at once")
        workers = [[spec.name for spec in specs] for specs in self._workers]
        await self._supervisor.stop([*workers, [API], [BROKER]])
        await self._supervisor.close()

    # --- its course ------------------------------------------------------------------------------

    async def _course(self) -> None:
        """Everything from the lock to the last status line; ends only by an error."""
        open_source(self._options.source)  # a source that cannot be is told of before anything is started
        await self._lock()
        options, folder, say = self._options, self._folder, self._speaker.say
        kept = KeptLog.of(folder, options)
        say(f"gputail {__version__}, data in {folder.path}: {kept}, and {options.views_days} days of views")
        if kept.complaint:
            say(kept.complaint)
        if (at := self._health.start()) is not None:
            say(f"how it is: http://{at}/health/ready")
        async with asyncio.TaskGroup() as group:
            api = group.create_task(self._serve(options.listen, API_LISTEN, lambda at: api_spec(folder, at)))
            servers = await self._serve(
                options.broker_listen, BROKER_LISTEN, lambda at: broker_spec(folder, at)
            )
            self._workers = (
                streamer_specs(options, kept.topics(), self._pace, str(servers)),
                collector_specs(folder, options, kept.topics(), str(servers)),
            )
            for spec in (*self._workers[1], *self._workers[0]):
                group.create_task(self._start(spec))
            await self._watch(await api)

    async def _lock(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s, is_told = loop.time() + ORPHANS_S_MAX, False
        while True:
            try:
                return self._folder.acquire()
            except FolderInUseError as error:
                if not error.is_orphaned or loop.time() > deadline_s:
                    raise
            if not is_told:
                self._speaker.say("the last run was killed, and its processes are ending: waiting for them")
                is_told = True
            await asyncio.sleep(ASK_AGAIN_S)

    async def _start(self, spec: ChildSpec) -> Mapping[str, Any]:
        """Start a child, and say so when it is ready; what it said then."""
        told = await self._supervisor.start(spec)
        where = f" at {told['listen']}" if "listen" in told else ""
        self._speaker.say(f"{spec.name} is ready{where}; its metrics: http://{told['admin']}/metrics")
        return told

    async def _serve(
        self, requested: Endpoint | None, default: Endpoint, spec_at: Callable[[Endpoint], ChildSpec]
    ) -> Endpoint:
        """Start a child that listens; where it does. A port of our choice may be taken meanwhile."""
        for tries_left in reversed(range(PORTS_LOST_MAX)):
            at = choose(requested, default)
            try:
                await self._start(spec_at(at))
            except ChildFailedError:
                is_ours_to_choose = requested is None or requested.port == 0
                if is_free(at) or not is_ours_to_choose or not tries_left:
                    raise
            else:
                break
        return at

    async def _watch(self, api: Endpoint) -> None:
        """Say when there is something to query, and from then on how it goes."""
        client, loop = PipelineClient(api), asyncio.get_running_loop()
        told_s = loop.time()
        while (gpu_id := await client.queryable_gpu()) is None:
            if loop.time() - told_s >= PATIENCE_S:
                told_s = loop.time()
                self._speaker.status(f"nothing can be queried yet. {self._supervisor.troubles()}".strip())
            await asyncio.sleep(ASK_AGAIN_S)
        self._health.reason = None
        self._speaker.say("the first entries can be queried; try")
        for line in first_lines(api, gpu_id, self._folder):
            self._speaker.say(f"  {line}")
        status, pause_s = Status(), STATUS_S
        status.begin(await client.state(), loop.time())
        while True:
            await asyncio.sleep(pause_s)
            disk_bytes = await asyncio.to_thread(self._folder.size_bytes)
            state = await client.state()
            self._health.reason = None if state is not None else "the API does not answer"
            self._speaker.status(status.line(state, loop.time(), disk_bytes))
            pause_s = STATUS_S if self._speaker.is_on_terminal else STATUS_APART_S


def _first_of(error: BaseException) -> Exception:
    """The one that came first of all that a group of tasks raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
