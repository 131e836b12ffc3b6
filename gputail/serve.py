"""`gputail serve` as a process: a view store, and the API that reads it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from gputail.endpoint import Endpoint
from gputail.exposition import Numbers, render
from gputail.listening import refused, warn_of_open
from gputail.process import Process
from gputail.process_options import ProcessOptions
from gputail.rate import Rate
from gputail.serve_metrics import RequestMeasurements
from gputail.serve_options import ServeOptions
from gputail.terminal_line import TerminalLine
from ingest.clock import SystemClock
from query.api.app import create_app
from query.api.server import ApiServer
from query.api.settings import ApiSettings
from query.views.opening import open_reader


class ServeProcess(Process):
    """One run of an API process. It is ready when it listens; before there is a view it answers just that."""

    noun = "API"

    def __init__(
        self, options: ServeOptions, process: ProcessOptions, line: TerminalLine | None = None
    ) -> None:
        super().__init__(process, line)
        self._options = options
        self._clock = SystemClock()
        self._rate = Rate()
        self._measured = RequestMeasurements()
        self._server: ApiServer | None = None
        logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop are told by us

    async def work(self) -> int:
        """Serve until the end is asked for."""
        settings, listen = ApiSettings(), self._options.listen
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
            self._ready(listen=str(listening), views=self._options.views)
            await server.serve()
        finally:
            views.close()
        return 0

    def drain(self) -> bool:
        if self._server is None:
            return False
        self._server.stop()
        return True

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
