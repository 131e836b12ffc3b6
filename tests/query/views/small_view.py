"""A small view in SQLite, and its file."""

from __future__ import annotations

from pathlib import Path

from tests.query.views.answers import settle
from tests.query.views.changes import SEEN_MS, Feed, Fleet
from tests.query.views.sqlite_place import SqlitePlace

FLEET = Fleet(5)


def database(place: SqlitePlace) -> Path:
    [path] = place.folder.glob("*/view.sqlite")
    return path


def fill(place: SqlitePlace) -> Feed:
    """Some telemetry, in tails and blocks, and nobody that has it open."""
    feed = Feed()
    writer = place.writer()
    for first in range(0, 40, 10):
        list(FLEET.ticks(feed, 10, first=first))
        writer.apply(feed.batch())
        if first == 20:
            settle(writer, SEEN_MS)
    writer.close()
    return feed
