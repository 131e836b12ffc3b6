"""The pipeline as separate processes: a broker, and as many of the others as a test wants."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.acceptance.api import Api
from tests.acceptance.process import RunningProcess
from tests.eventlog.broker.running import RunningBroker, running_broker


class Pipeline:
    """Processes around one broker; all end with the block."""

    def __init__(self, data_dir: Path, views: str, *, session_s: float = 10) -> None:
        self._session_s = session_s
        self.views = views
        self._data_dir = data_dir
        self._stack = ExitStack()
        self.broker: RunningBroker

    def __enter__(self) -> Self:
        self.broker = self._stack.enter_context(running_broker(self._data_dir))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def streamer(self, source: str, *options: str) -> RunningProcess:
        """A streamer; it need not be ready yet."""
        return self.run("stream", *self.bootstrap(), "--source", source, *options)

    def collector(self, *options: str, views: str | None = None) -> RunningProcess:
        """A collector; it need not be ready yet."""
        return self.run("collect", *self.bootstrap(), "--views", views or self.views, *options)

    def api(self, *options: str, views: str | None = None) -> Api:
        """An API process that listens."""
        return self.api_process(*options, views=views)[1]

    def api_process(self, *options: str, views: str | None = None) -> tuple[RunningProcess, Api]:
        """The process and its API."""
        process = self.run("serve", "--views", views or self.views, "--listen", "127.0.0.1:0", *options)
        return process, Api(f"http://{process.wait_for('ready')['listen']}")

    def bootstrap(self) -> tuple[str, ...]:
        """The options by which a process finds the broker."""
        return "--bootstrap-servers", self.broker.bootstrap, "--session-s", str(self._session_s)

    def run(self, verb: str, *options: str, **settings: str) -> RunningProcess:
        """Any other process, with settings in its environment; it need not be ready yet."""
        process = RunningProcess(verb, *options, **settings)
        self._stack.callback(process.close)
        return process
