"""`gputail broker` as a process: started in order, told from outside how it is, stopped in order.

The order of a start: the admin listener (so that liveness answers during a long recovery), recovery, the
Kafka port, ready. The order of a stop: nobody is let in any more, what was asked is answered while the
upkeep goes on, the log is closed with its clean marks. A second signal ends the process at once; nothing
that was acknowledged is lost by that, only the next start takes longer.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import os
import signal
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING

from eventlog.broker.server import Broker
from eventlog.clock import SystemClock
from eventlog.errors import EventLogError
from eventlog.storage.disk import PosixDisk
from eventlog.storage.settings import FlushPolicy
from gputail import __version__
from gputail.admin import AdminListener
from gputail.broker_options import BrokerOptions
from gputail.broker_settings import broker_settings
from gputail.broker_snapshot import BrokerSnapshot, take_snapshot
from gputail.cli import describe
from gputail.endpoint import Endpoint
from gputail.exposition import Numbers, metrics_route
from gputail.health import Readiness, health_routes
from gputail.listening import begin, refused, warn_of_open
from gputail.logs import task_failed
from gputail.loop_lag import LoopLag
from gputail.open_files import files_wanted, raise_limit, within
from gputail.process_options import ProcessOptions
from gputail.recovery_report import RecoveryReport, report_damage
from gputail.space_watch import watch_space
from gputail.warm_up import warm_up

if TYPE_CHECKING:
    from prometheus_client import Metric

SIGNALS = (signal.SIGTERM, signal.SIGINT)
FAILURES_SHOWN_MAX = 20

DURABILITY = {
    FlushPolicy.GROUP: "acknowledged records survive a killed process, an OS crash and a power cut",
    FlushPolicy.OS: "acknowledged records survive a killed process, but no OS crash and no power cut",
}

logger = logging.getLogger(__name__)


class Phase(enum.Enum):
    """Where the process is; the values say to a client why it is not served, but for READY."""

    STARTING = "the broker starts"
    RECOVERING = "the log is being recovered"
    READY = "the broker is ready"
    STOPPING = "the broker stops"


class BrokerProcess:
    """One run of the broker, from start to exit code."""

    def __init__(self, options: BrokerOptions, process: ProcessOptions) -> None:
        self._options = options
        self._process = process
        self._settings = broker_settings(options)
        self._files_max = raise_limit(files_wanted(self._settings))
        self._disk = PosixDisk()
        self._clock = SystemClock()
        self._phase = Phase.STARTING
        self._stop_wanted = asyncio.Event()
        self._lag = LoopLag()
        self._broker: Broker | None = None
        self._recovery: RecoveryReport | None = None

    async def run(self) -> int:
        """Serve until a signal or a failure ends it; the exit code."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(task_failed)
        for number in SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        listener = AdminListener(
            {**health_routes(loop, self.readiness), "/metrics": metrics_route(loop, self._take)}
        )
        try:
            broker = await self._start(listener)
            return await self._serve(broker)
        except (EventLogError, OSError) as error:
            logger.error("the broker cannot run", extra={"action": "fail", "error": describe(error)})
        except Exception:
            logger.critical("the broker has failed", extra={"action": "fail"}, exc_info=True)
        finally:
            listener.stop()
            self._disk.close()
        return 1

    def stop(self) -> None:
        """Ask for the end, in good order; `run` returns then."""
        if self._phase is Phase.READY:
            self._phase = Phase.STOPPING  # from this moment on, not only when the loop comes to it
        self._stop_wanted.set()

    # --- what it tells -------------------------------------------------------------------------

    def readiness(self) -> Readiness:
        """Whether clients are served, and what an operator asks first."""
        facts: dict[str, object] = {
            "version": __version__,
            "instance_id": self._process.name,
            "flush": self._options.flush,
        }
        broker = self._broker
        if broker is not None and self._phase is Phase.READY:
            logs = broker.directory.topics.logs()
            failures = {log.name: str(log.failure) for log in logs if log.failure is not None}
            facts |= {
                "partitions": len(logs),
                "connections": broker.connections,
                "free_bytes": broker.directory.free_bytes,
                "is_low": broker.directory.is_low,
                "failed_partitions": len(failures),
                "failures": dict(list(failures.items())[:FAILURES_SHOWN_MAX]),
            }
        is_ready = self._phase is Phase.READY and broker is not None and broker.is_listening
        return Readiness(None if is_ready else self._phase.value, facts)

    async def snapshot(self) -> BrokerSnapshot:
        """Everything that metrics are made of, at one moment."""
        return await take_snapshot(
            self._broker,
            instance_id=self._process.name,
            flush=self._options.flush,
            is_ready=self.readiness().reason is None,
            loop_lag_s=self._lag.max_s,
            recovery=self._recovery,
        )

    async def _take(self) -> Numbers:
        snapshot = await self.snapshot()

        def render() -> Iterable[Metric]:
            from gputail.broker_metrics import families

            return families(snapshot)

        return render

    # --- its course ----------------------------------------------------------------------------

    async def _start(self, listener: AdminListener) -> Broker:
        """The way to ready. EventLogError, OSError."""
        options = self._options
        logger.info(
            "the broker starts",
            extra={
                "action": "start",
                "version": __version__,
                "data_dir": str(options.data_dir),
                "pid": os.getpid(),
            },
        )
        self._fit_into_open_files()
        admin = begin(listener, self._process.admin_listen)
        self._phase = Phase.RECOVERING
        broker = await self._open()
        try:
            await broker.listen()
        except OSError as error:
            await broker.close()
            raise refused(options.listen, error) from error
        self._broker, self._phase = broker, Phase.READY
        self._say_ready(broker, admin)
        return broker

    def _fit_into_open_files(self) -> None:
        wanted = files_wanted(self._settings)
        if self._files_max < wanted:
            self._settings = within(self._settings, self._files_max)
            logger.warning(
                "the limit of open files is low: fewer clients are let in, and fewer partitions may fit; "
                "raise it (ulimit -n)",
                extra={
                    "action": "start",
                    "open_files_max": self._files_max,
                    "open_files_wanted": wanted,
                    "connections_max": self._settings.connections_max,
                },
            )

    async def _serve(self, broker: Broker) -> int:
        upkeep = asyncio.create_task(broker.run())
        upkeep.add_done_callback(_report_failure)
        aside = [
            asyncio.create_task(work)
            for work in (self._lag.run(), watch_space(broker.directory), _tolerated(warm_up()))
        ]
        asked = asyncio.create_task(self._stop_wanted.wait())
        await asyncio.wait({upkeep, asked}, return_when=asyncio.FIRST_COMPLETED)
        self._phase = Phase.STOPPING
        await broker.drain()
        has_failed = upkeep.done()
        for task in (upkeep, asked, *aside):
            task.cancel()
        await asyncio.gather(upkeep, asked, *aside, return_exceptions=True)
        self._broker = None
        try:
            await broker.close()
        except OSError as error:
            logger.error(
                "the log could not be closed in order; the next start recovers it",
                extra={"action": "stop", "error": describe(error)},
            )
            return 1
        return int(has_failed)

    async def _open(self) -> Broker:
        """Recover the log; a signal meanwhile ends the process, for recovery can be cut short anywhere."""
        started_s = self._clock.monotonic_s()
        opening = asyncio.create_task(
            Broker.open(self._options.data_dir, disk=self._disk, clock=self._clock, settings=self._settings)
        )
        asked = asyncio.create_task(self._stop_wanted.wait())
        await asyncio.wait({opening, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():
            logger.info("the broker has stopped during recovery", extra={"action": "stop"})
            os._exit(0)  # its threads cannot be stopped, and must not be left to work on closed files
        asked.cancel()
        broker = opening.result()
        logs = broker.directory.topics.logs()
        self._recovery = RecoveryReport.of(logs, self._clock.monotonic_s() - started_s)
        report_damage(logs)
        return broker

    def _say_ready(self, broker: Broker, admin: Endpoint) -> None:
        options, recovery = self._options, self._recovery
        assert recovery is not None, "the log was recovered"
        listening = Endpoint(options.listen.host, broker.port)
        warn_of_open(listening, admin)
        logger.info(
            "the broker is ready",
            extra={
                "action": "ready",
                "version": __version__,
                "listen": str(listening),
                "advertised": str(options.advertise or listening),
                "admin": str(admin),
                "data_dir": str(options.data_dir),
                "flush": options.flush,
                "durability": DURABILITY[self._settings.log.flush],
                "partitions": sum(recovery.partitions.values()),
                "recovered": recovery.findings,
                "recovery_ms": round(recovery.seconds * 1000),
            },
        )

    def _on_signal(self, number: signal.Signals) -> None:
        logger.info("asked to stop", extra={"action": "signal", "signal": number.name})
        loop = asyncio.get_running_loop()
        for each in SIGNALS:  # the next one ends the process at once
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self.stop()


def _report_failure(upkeep: asyncio.Task[None]) -> None:
    error = None if upkeep.cancelled() else upkeep.exception()
    if error is not None:
        logger.critical("the upkeep has failed; the broker stops", extra={"action": "fail"}, exc_info=error)


async def _tolerated(work: Coroutine[None, None, None]) -> None:
    """Work that only speeds things up: its failure is logged and changes nothing."""
    try:
        await work
    except Exception:
        logger.warning("warming up has failed", extra={"action": "warm_up"}, exc_info=True)
