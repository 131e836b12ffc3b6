"""The names under which the pipeline's parts find each other in the log: topics, their settings, groups."""

from __future__ import annotations

from collections.abc import Mapping

TELEMETRY = "gpu.telemetry"
"""Events, one GPU at one time each; the key is the GPU's uuid."""
TELEMETRY_PARTITIONS = 12
"""How many partitions the topic gets where nobody says otherwise; final, for it fixes order and ownership."""
TELEMETRY_SETTINGS: Mapping[str, str] = {"gputail.damaged": "skip"}
"""A damaged range becomes a gap in the views instead of the end of the stream."""

DEAD_LETTERS = "gpu.telemetry.dlq"
"""Records that are no events, as they came, with where they stood and why they were set aside in headers."""
DEAD_LETTERS_PARTITIONS = 1
DEAD_LETTERS_SETTINGS: Mapping[str, str] = {"retention.ms": str(30 * 24 * 60 * 60 * 1000)}
"""Thirty days."""

COLLECTORS = "gputail-collectors"
"""The consumer group of the collectors."""


def streamers_of(source_id: str) -> str:
    """The consumer group in which the streamers of one source share the topic's partitions."""
    return f"gputail-streamers-{source_id}"
