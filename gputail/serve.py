"""`gputail serve` as a process: a view store, and the API that reads it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from gputail.api_readiness import ApiReadiness
from gputail.endpoint import Endpoint
from gputail.exposition import Numbers, render
from gputail.health import Readiness
from gputail.listening import refused, warn_of_open
from gputail.process import Process
from gputail.process_options import ProcessOptions
from gputail.rate import Rate
from gputail.serve_limits import LimitOptions
from gputail.serve_metrics import RequestMeasurements
from gputail.serve_options import ServeOptions
from gputail.terminal_line import TerminalLine
from ingest.clock import SystemClock
from query.api.app import create_app
from query.api.server import ApiServer
from query.views.opening import open_reader


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
    ) -> None:
        super().__init__(process, line)
        self._settings = limits.settings()
        self._options = options
        self._clock = SystemClock()
        self._rate = Rate()
        self._measured = RequestMeasurements()
        self._server: ApiServer | None = None
        self._readiness: ApiReadiness | None = None
        self._asking: asyncio.Task[None] | None = None
        logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop are told by us

    async def work(self) -> int:
        """Serve until the end is asked for."""
        settings, listen = self._settings, self._options.listen
        views = open_reader(self._options.views)
        try:
            app = create_app(settings, views, exposition=self._exposition, observer=self._measured)
            server = ApiServer(app, settings, host=listen.host, port=listen.port)
            try:
                host, port = server.bind()
            except OSError as error:
                raise refused(listen, error) from error
            listening = Endpoint(host, port)
            warn_of_open(listening)
            self._server = server
            self._readiness = ApiReadiness(app)
            await self._readiness.ask()
            self._asking = asyncio.create_task(self._readiness.run())
            self._ready(listen=str(listening), views=self._options.views)
            await server.serve()
        finally:
            self._ask_no_more()
            views.close()
        return 0

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
        if self._asking is not None:
            self._asking.cancel()

    def facts(self) -> Mapping[str, Any]:
        numbers = self._measured.copy()
        return {
            "views": self._options.views,
            "requests": sum(numbers.requests.values()),
            "requests_running": numbers.running,
        }

    def progress(self) -> str:
        numbers = self._measured.copy()
        count = sum(numbers.requests.values())
        rate = self._rate.read(self._clock.monotonic_s(), count)
        return f"{count:,} requests answered | {numbers.running} running | {rate:,.1f} requests/s"

    def measure(self) -> Numbers:
        numbers = self._measured.copy()
        told = (self._process.name, self.readiness().reason is None, self._lag.max_s)

        def made() -> Any:
            from gputail.serve_metrics import families

            return families(*told, numbers)

        return made

    def _exposition(self) -> tuple[str, bytes]:
        answer = render(self.measure(), "")
        return answer.content_type, answer.body
