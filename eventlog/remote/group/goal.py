"""Where a group is to go on: the choices of `group reset`, as values."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from eventlog.client.description import TopicPartition


@attrs.frozen
class Earliest:
    """At the log start."""


@attrs.frozen
class Latest:
    """At the high watermark: only what comes from now on."""


@attrs.frozen
class At:
    """At one offset in every partition."""

    offset: int


@attrs.frozen
class By:
    """So many records after (or, below 0, before) the committed offset."""

    records: int


@attrs.frozen
class Since:
    """At the first record at or after a time, in ms since 1970; the log says where that is."""

    time_ms: int


@attrs.frozen
class Each:
    """At an offset of its own in each partition; None is the high watermark (no record is that young)."""

    offsets: Mapping[TopicPartition, int | None]


Goal = Earliest | Latest | At | By | Each
"""What can be planned without asking anybody; `Since` becomes an `Each`."""
