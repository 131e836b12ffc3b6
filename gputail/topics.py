"""The pipeline's topics, made by whichever process comes first."""

from __future__ import annotations

import logging

from eventlog.client import MessageQueue, TopicDescription
from gputail.retention_options import TopicOptions
from ingest import topics

logger = logging.getLogger(__name__)


async def ensure_topics(queue: MessageQueue, options: TopicOptions) -> TopicDescription:
    """Make what is missing; the telemetry topic. EventLogError."""
    await queue.ensure_topic(
        topics.DEAD_LETTERS,
        topics.DEAD_LETTERS_PARTITIONS,
        {**topics.DEAD_LETTERS_SETTINGS, **options.dead_letter_settings()},
    )
    telemetry = await queue.ensure_topic(
        topics.TELEMETRY, options.partitions, {**topics.TELEMETRY_SETTINGS, **options.telemetry_settings()}
    )
    if telemetry.partitions != options.partitions:
        logger.warning(
            "the topic stays as it was made",
            extra={
                "action": "ensure_topic",
                "topic": telemetry.name,
                "partitions": telemetry.partitions,
                "partitions_wanted": options.partitions,
            },
        )
    return telemetry
