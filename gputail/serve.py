"""`gputail serve` as a process: a view store, and the API that reads it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from gputail.api_readiness import ApiReadiness
from gputail.endpoint import Endpoint
from gputail.exposition import Numbers, render
from gputail.fleet_options import FleetOptions
from gputail.health import Readiness
from gputail.listening import refused, warn_of_open
from gputail.process import Process
from gputail.process_options import ProcessOptions
from gputail.rate import Rate
from gputail.serve_limits import LimitOptions
from gputail.serve_metrics import LiveNumbers, RequestMeasurements
from gputail.serve_options import ServeOptions
from gputail.terminal_line import TerminalLine
from gputail.view_watch import ViewWatch
from gputail.waiting import without_waiting
from ingest.clock import SystemClock
from query.api.app import ApiApp, create_app
from query.api.server import ApiServer
from query.views.errors import DamagedViewError, NoViewError, OtherBuildError, ViewUnavailableError
from query.views.opening import open_reader
from query.views.store import ViewReader

logger = logging.getLogger(__name__)


class ServeProcess(Process):
    """One run of an API process; it is ready as long as the API says so itself."""

    noun = "API"

    def __init__(
        self,
        options: ServeOptions,
        process: ProcessOptions,
        line: TerminalLine | None = None,
        *,
        limits: LimitOptions,
        fleet: FleetOptions,
    ) -> None:
        super().__init__(process, line)
        self._settings = limits.settings()
        self._fleet_rules = fleet.rules()
        self._options = options
        self._clock = SystemClock()
        self._rate = Rate()
        self._measured = RequestMeasurements()
        self._app: ApiApp | None = None
        self._server: ApiServer | None = None
        self._readiness: ApiReadiness | None = None
        self._view_watch: ViewWatch | None = None
        self._asking: list[asyncio.Task[None]] = []
        logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop are told by us

    async def work(self) -> int:
        """Serve until the end is asked for."""
        settings, listen = self._settings, self._options.listen
        views = open_reader(self._options.views.text)
        try:
            await self._check_store(views)
            app = create_app(
                settings,
                views,
                exposition=self._exposition,
                observer=self._measured,
                fleet_rules=self._fleet_rules,
            )
            self._app = app
            server = ApiServer(app, settings, host=listen.host, port=listen.port)
            try:
                host, port = server.bind()
            except OSError as error:
                raise refused(listen, error) from error
            listening = Endpoint(host, port)
            warn_of_open(listening)
            self._server = server
            self._readiness = ApiReadiness(app)
            self._view_watch = ViewWatch(app.views)
            await self._readiness.ask()
            await self._view_watch.look()
            self._asking = [asyncio.create_task(each.run()) for each in (self._readiness, self._view_watch)]
            self._ready(listen=str(listening), views=str(self._options.views))
            await server.serve()
        finally:
            self._ask_no_more()
            views.close()
        return 0

    async def _check_store(self, views: ViewReader) -> None:
        """Raise BadViewsError where no view can ever be read; one that is away, or made anew, may come."""
        self._waits_for = f"asks for the views at {self._options.views}"
        try:
            await without_waiting(views.as_of)
        except NoViewError:
            return  # it comes with the first collector; until then each answer says so
        except (DamagedViewError, OtherBuildError, ViewUnavailableError) as error:
            logger.warning(
                "the views cannot be read yet; requests are refused until they can",
                extra={"action": "wait", "views": str(self._options.views), "error": str(error)},
            )

    def drain(self) -> bool:
        if self._server is None:
            return False
        self._ask_no_more()
        self._server.stop()
        return True

    def readiness(self) -> Readiness:
        """The API's own answer, once it listens."""
        own = super().readiness()
        if own.reason is not None or self._readiness is None:
            return own
        return Readiness(self._readiness.reason, own.facts)

    def _ask_no_more(self) -> None:
        for task in self._asking:
            task.cancel()

    def facts(self) -> Mapping[str, Any]:
        numbers = self._measured.copy()
        return {
            "views": str(self._options.views),
            "requests": sum(numbers.requests.values()),
            "requests_running": numbers.running,
        }

    def progress(self) -> str:
        numbers = self._measured.copy()
        count = sum(numbers.requests.values())
        rate = self._rate.read(self._clock.monotonic_s(), count)
        return f"{count:,} requests answered | {numbers.running} running | {rate:,.1f} requests/s"

    def measure(self) -> Numbers:
        numbers, live = self._measured.copy(), self._live_numbers()
        told = (self._process.name, self.readiness().reason is None, self._lag.max_s)
        has_refused_log = None if self._view_watch is None else self._view_watch.has_refused_log

        def made() -> Any:
            from gputail.serve_metrics import families

            return families(*told, numbers, live, has_refused_log=has_refused_log)

        return made

    def _live_numbers(self) -> LiveNumbers:
        if self._app is None:
            return LiveNumbers()
        streams = self._app.live_streams
        return LiveNumbers(streams.open, streams.events_sent, streams.dropped)

    def _exposition(self) -> tuple[str, bytes]:
        answer = render(self.measure(), "")
        return answer.content_type, answer.body
