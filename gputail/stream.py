"""`gputail stream` as a process: a source, the broker, and a streamer between them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

import attrs

from eventlog.client import MessageQueue, open_queue
from gputail.bootstrap_options import BootstrapOptions
from gputail.exposition import Numbers
from gputail.process import DRAIN_S_MAX, Process
from gputail.process_options import ProcessOptions
from gputail.rate import Rate
from gputail.retention_options import TopicOptions
from gputail.source_options import PaceOptions, SourceOptions
from gputail.terminal_line import TerminalLine
from gputail.topics import ensure_topics
from gputail.waiting import until_answered
from ingest.clock import SystemClock
from ingest.sources.opening import open_source
from ingest.sources.source import Source
from ingest.streamer import Streamer
from ingest.streamer_settings import Share, StreamerSettings

BAD_ROWS_TOLD_MAX: Final = 20
PRODUCER: Final = {"linger.ms": 100, "compression.level": 1}
"""Telemetry may wait so long: requests get larger, and there are fewer of them. It repeats itself so much
that the least effort of zstd leaves it 3 % larger than the usual one, at half the cost."""
CLOSE_S_MAX: Final = 1.0
"""For the queue, after the streamer has had its time."""

logger = logging.getLogger(__name__)


class StreamProcess(Process):
    """One run of a streamer."""

    noun = "streamer"

    def __init__(
        self,
        source: SourceOptions,
        process: ProcessOptions,
        line: TerminalLine | None = None,
        *,
        pace: PaceOptions,
        bootstrap: BootstrapOptions,
        topics: TopicOptions,
    ) -> None:
        super().__init__(process, line)
        self._bootstrap = bootstrap
        self._topics = topics
        self._source: Source = open_source(source.source)
        self._settings = StreamerSettings(
            instance_id=process.name,
            interval_s=pace.interval_s,
            rate=pace.rate,
            once=pace.once,
            share=Share(source.share),
            partitions=topics.partitions,
        )
        self._clock = SystemClock()
        self._rate = Rate()
        self._streamer: Streamer | None = None
        self._draining: asyncio.Task[None] | None = None

    async def work(self) -> int:
        """Publish until there is no more to publish, or until the end is asked for."""
        await self._source.open()
        self._tell_of_bad_rows()
        settings, servers = self._settings, self._bootstrap.bootstrap_servers
        queue = open_queue(
            self._bootstrap.url,
            client_id=self._process.name,
            limits=settings.buffer,
            settings={**PRODUCER, **self._bootstrap.settings},
        )
        try:
            self._waits_for = f"waits for the broker at {servers}"
            await until_answered(lambda: ensure_topics(queue, self._topics), servers)
            await self._publish(queue)
        finally:
            await queue.close(CLOSE_S_MAX)
        return 0

    def drain(self) -> bool:
        if self._streamer is None:
            return False
        self._draining = asyncio.create_task(self._streamer.stop(DRAIN_S_MAX - CLOSE_S_MAX))
        return True

    def facts(self) -> Mapping[str, Any]:
        assert self._streamer is not None, "a streamer is ready"
        counters = self._streamer.counters
        return {
            "source": self._streamer.source_id,
            "partitions": counters.partitions_owned,
            "pass": counters.pass_number,
            "pending_records": counters.events_pending,
        }

    def progress(self) -> str:
        assert self._streamer is not None, "a streamer is ready"
        counters = self._streamer.counters
        stored = counters.events_acknowledged
        rate = self._rate.read(self._clock.monotonic_s(), stored)
        return (
            f"{stored:,} records stored | {counters.events_pending:,} on the way | {rate:,.0f} records/s"
            f" | pass {counters.pass_number:,}"
        )

    def measure(self) -> Numbers:
        counters = None if self._streamer is None else attrs.evolve(self._streamer.counters)
        told = (self._process.name, self.readiness().reason is None, self._lag.max_s)

        def numbers() -> Any:
            from gputail.stream_metrics import families

            return families(*told, counters)

        return numbers

    async def _publish(self, queue: MessageQueue) -> None:
        self._streamer = streamer = Streamer(queue, self._source, self._settings, self._clock)
        self._ready(
            source=streamer.source_id,
            bad_rows=self._source.bad_row_count,
            bootstrap_servers=self._bootstrap.bootstrap_servers,
        )
        await streamer.run()
        counters = streamer.counters
        logger.info(
            "the streamer has ended",
            extra={"action": "end", "records": counters.events_acknowledged, "pass": counters.pass_number},
        )

    def _tell_of_bad_rows(self) -> None:
        source = self._source
        for row in source.bad_rows[:BAD_ROWS_TOLD_MAX]:
            logger.warning(
                "a row is no sample, and skipped",
                extra={"action": "skip_row", "line": row.line, "reason": row.reason},
            )
        left = source.bad_row_count - min(len(source.bad_rows), BAD_ROWS_TOLD_MAX)
        if left:
            logger.warning("more rows are no samples", extra={"action": "skip_row", "rows": left})
