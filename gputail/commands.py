"""The verbs that run processes."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from cyclopts import App

from gputail.bootstrap_options import BootstrapOptions
from gputail.broker_options import BrokerOptions
from gputail.collect_options import CollectOptions
from gputail.fleet_options import FleetOptions
from gputail.process_options import ProcessOptions
from gputail.retention_options import TopicOptions
from gputail.serve_limits import LimitOptions
from gputail.serve_options import ServeOptions
from gputail.source_options import PaceOptions, SourceOptions
from gputail.up_options import UpOptions

if TYPE_CHECKING:
    from gputail.terminal_line import TerminalLine

broker_app = App(name="broker", help="Serve a log to Kafka clients.")
stream_app = App(name="stream", help="Publish the samples of a source to the log.")
collect_app = App(name="collect", help="Fold the log into views.")
serve_app = App(name="serve", help="Serve the views over HTTP.")
up_app = App(name="up", help="Run the whole pipeline on this machine.")

_PROCESS = ProcessOptions()
_PACE = PaceOptions()
_BOOTSTRAP = BootstrapOptions()
_TOPICS = TopicOptions()
_UP = UpOptions()
_LIMITS = LimitOptions()
_FLEET = FleetOptions()


@broker_app.default
def broker(options: BrokerOptions, process: ProcessOptions = _PROCESS) -> int:
    """Serve a log to Kafka clients, until SIGTERM or ^C. There is no TLS, no login and no access control."""
    from gputail.broker import BrokerProcess

    _enter(process)

    async def run() -> int:
        return await BrokerProcess(options, process).run()

    return _run(run())


@stream_app.default
def stream(
    source: SourceOptions,
    pace: PaceOptions = _PACE,
    bootstrap: BootstrapOptions = _BOOTSTRAP,
    topics: TopicOptions = _TOPICS,
    process: ProcessOptions = _PROCESS,
) -> int:
    """Publish the samples of a source to the log, until SIGTERM or ^C, or until there are no more."""
    from gputail.stream import StreamProcess

    line = _enter(process)

    async def run() -> int:
        it = StreamProcess(source, process, line, pace=pace, bootstrap=bootstrap, topics=topics)
        return await it.run()

    return _run(run())


@collect_app.default
def collect(
    options: CollectOptions,
    bootstrap: BootstrapOptions = _BOOTSTRAP,
    topics: TopicOptions = _TOPICS,
    process: ProcessOptions = _PROCESS,
) -> int:
    """Fold the log into views, until SIGTERM or ^C."""
    from gputail.collect import CollectProcess

    line = _enter(process)

    async def run() -> int:
        return await CollectProcess(options, process, line, bootstrap=bootstrap, topics=topics).run()

    return _run(run())


@serve_app.default
def serve(
    options: ServeOptions,
    limits: LimitOptions = _LIMITS,
    fleet: FleetOptions = _FLEET,
    process: ProcessOptions = _PROCESS,
) -> int:
    """Serve the views over HTTP, until SIGTERM or ^C. There is no TLS, no login and no access control."""
    from gputail.serve import ServeProcess

    line = _enter(process)

    async def run() -> int:
        return await ServeProcess(options, process, line, limits=limits, fleet=fleet).run()

    return _run(run())


@up_app.default
def up(options: UpOptions = _UP, pace: PaceOptions = _PACE) -> int:
    """Run broker, streamers, collectors and API, each as a process of its own, until SIGTERM or ^C."""
    from gputail.speaker import Speaker
    from gputail.up import Up

    async def run() -> int:
        return await Up(options, pace, Speaker()).run()

    return _run(run())


def _enter(process: ProcessOptions) -> TerminalLine | None:
    """Begin to log and to watch the supervisor; the line on the terminal, if there is one."""
    from gputail.logs import set_up_logs
    from gputail.parent import watch_parent
    from gputail.terminal_line import TerminalLine

    line = None if process.log_format == "json" else TerminalLine.on(sys.stderr)
    set_up_logs(
        instance_id=process.name, level=process.log_level, form=process.log_format, stream=line or sys.stderr
    )
    watch_parent()
    return line


def _run(course: Coroutine[None, None, int]) -> int:
    import asyncio

    return asyncio.run(course)
