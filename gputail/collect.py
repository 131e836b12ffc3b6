"""`gputail collect` as a process: the broker, a view store, and a collector between them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any, Final

import attrs

from eventlog.client import MessageQueue, TopicDescription, open_queue
from gputail.bootstrap_options import BootstrapOptions
from gputail.collect_options import CollectOptions
from gputail.exposition import Numbers
from gputail.poison_watch import PoisonWatch
from gputail.process import Process
from gputail.process_options import ProcessOptions
from gputail.rate import Rate
from gputail.retention_options import TopicOptions
from gputail.terminal_line import TerminalLine
from gputail.topics import ensure_topics
from gputail.waiting import until_answered, until_opened, without_waiting
from ingest.clock import Clock, SystemClock
from ingest.collector import Collector
from ingest.collector_settings import CollectorSettings
from ingest.projections import VERSIONS
from ingest.renewal import Renewal
from ingest.renewing import RenewingWriter
from query.views.building import Builds
from query.views.errors import AnotherLogError, ViewError, ViewUnavailableError
from query.views.model import RefusedLog
from query.views.opening import open_builds, open_writer
from query.views.store import ViewWriter

CONSUMER: Final = {"fetch.message.max.bytes": 64 * 1024}
"""Of a partition at once, compressed: telemetry is thirty times as large unpacked, and librdkafka unpacks all
that it fetches."""
CLOSE_S_MAX: Final = 2.0
"""For the queue, after the collector has stored what it had in hand."""

logger = logging.getLogger(__name__)


class CollectProcess(Process):
    """One run of a collector."""

    noun = "collector"

    def __init__(
        self,
        options: CollectOptions,
        process: ProcessOptions,
        line: TerminalLine | None = None,
        *,
        bootstrap: BootstrapOptions,
        topics: TopicOptions,
    ) -> None:
        super().__init__(process, line)
        self._options = options
        self._bootstrap = bootstrap
        self._topics = topics
        self._settings = CollectorSettings(
            topic_partitions=topics.partitions,
            batch_records=options.batch_records,
            poll_ms=options.poll_ms,
        )
        self._clock = SystemClock()
        self._rate = Rate()
        self._renewal = Renewal()
        self._collector: Collector | None = None
        self._poison: PoisonWatch | None = None

    async def work(self) -> int:
        """Collect until the end is asked for."""
        options, servers = self._options, self._bootstrap.bootstrap_servers
        self._warn_of_retention()
        with closing(open_builds(options.views.text)) as builds:
            write = partial(self._open_writer, builds)
            # A store that can never be used is told of before the broker is waited for.
            await until_opened(partial(_check_store, write), str(options.views), self._wait_for_views)
            queue = open_queue(
                self._bootstrap.url,
                client_id=self._process.name,
                settings={**CONSUMER, **self._bootstrap.settings},
            )
            try:
                self._waits_for = f"waits for the broker at {servers}"
                topic = await until_answered(lambda: ensure_topics(queue, self._topics), servers)
                await without_waiting(partial(_check_log, write, topic, self._clock))
                await self._collect(queue, write)
            finally:
                await queue.close(CLOSE_S_MAX)
        return 0

    async def _collect(self, queue: MessageQueue, write: Callable[[], ViewWriter]) -> None:
        views = str(self._options.views)
        self._collector = Collector(queue, write, views, settings=self._settings, clock=self._clock)
        self._poison = PoisonWatch(self._collector.counters, self._clock)
        self._ready(
            views=views,
            views_days=str(self._options.views_days),
            bootstrap_servers=self._bootstrap.bootstrap_servers,
        )
        watching = asyncio.create_task(self._poison.run())
        try:
            await self._collector.run()
        finally:
            watching.cancel()

    def _wait_for_views(self, reason: str) -> None:
        self._waits_for = f"waits for the views: {reason}"

    def _open_writer(self, builds: Builds) -> ViewWriter:
        """A writer of the view that makes it anew where it cannot be used."""
        options, retention_ms = self._options, self._options.views_days.ms
        return RenewingWriter(
            builds,
            partial(open_writer, options.views.text, retention_ms=retention_ms, projections=VERSIONS),
            projections=VERSIONS,
            retention_ms=retention_ms,
            renewal=self._renewal,
        )

    def drain(self) -> bool:
        if self._collector is None:
            return False
        self._collector.stop()
        return True

    def facts(self) -> Mapping[str, Any]:
        assert self._collector is not None, "a collector is ready"
        assert self._poison is not None, "and watched"
        counters = self._collector.counters
        return {
            "views": str(self._options.views),
            "rebuilds": self._renewal.next_name,
            "partitions": counters.partitions,
            "lag_records": sum(counters.lag_records.values()),
            "freshness_s": counters.freshness_s(self._clock.wall_ms()),
            "last_error": counters.last_error,
            "poison_flood": self._poison.is_flood,
            "poison_per_s": round(self._poison.per_s, 1),
        }

    def progress(self) -> str:
        assert self._collector is not None, "a collector is ready"
        counters = self._collector.counters
        rate = self._rate.read(self._clock.monotonic_s(), counters.records)
        lag = sum(counters.lag_records.values())
        return f"{counters.records:,} records applied | lag {lag:,} | {rate:,.0f} records/s"

    def measure(self) -> Numbers:
        counters = None
        if self._collector is not None:
            now = self._collector.counters
            counters = attrs.evolve(now, lag_records=dict(now.lag_records))
        is_flood = self._poison is not None and self._poison.is_flood
        told = (self._process.name, self.readiness().reason is None, self._lag.max_s, self._clock.wall_ms())
        renewal = self._renewal.taken()

        def numbers() -> Any:
            from gputail.collect_metrics import families

            return families(*told, counters, renewal, is_flood=is_flood)

        return numbers

    def _warn_of_retention(self) -> None:
        views, log = self._options.views_days, self._topics.log_days
        if log.ms is not None and (views.ms is None or views.ms > log.ms):
            logger.warning(
                "the views keep more than the log: what they have beyond it cannot be made anew",
                extra={"action": "retention", "views_days": str(views), "log_days": str(log)},
            )


def _check_store(write: Callable[[], ViewWriter]) -> None:
    """Raise BadViewsError where the views can be neither written nor made anew."""
    writer = write()
    try:
        logger.debug("the views can be written", extra={"action": "open_views", "build": writer.build.name})
    finally:
        writer.close()


def _check_log(write: Callable[[], ViewWriter], topic: TopicDescription, clock: Clock) -> None:
    """Raise AnotherLogError where the views follow another log: they would never be brought up to date.

    The views tell of it too.
    """
    with suppress(ViewUnavailableError):  # that may pass, and the collector asks again
        writer = write()
        try:
            writer.partition_states(topic.name, str(topic.topic_id))
        except AnotherLogError as error:
            with suppress(ViewError):  # the first error says more
                writer.refuse_log(RefusedLog(error.topic_id, str(error), clock.wall_ms()))
            raise
        finally:
            writer.close()
