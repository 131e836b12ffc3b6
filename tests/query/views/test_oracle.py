"""Every query of every store equals a loop over a plain table, whatever happens in whatever order."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.query.views.answers import settle
from tests.query.views.changes import START_MS, Feed, SampleRow
from tests.query.views.places import EMBEDDED, IN_POSTGRES, MAKERS, MakePlace
from tests.query.views.retained import check_retained
from tests.query.views.stories import HOUR_MS, long_story, short_stories
from tests.query.views.story import METRIC_NAMES, Chapter, Telling


@pytest.fixture(params=MAKERS)
def make_place(request: pytest.FixtureRequest) -> MakePlace:
    return MAKERS[request.param](request)


def tell(make_place: MakePlace, story: Iterable[Chapter]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(make_place(Path(folder) / "views")) as place:
        Telling(place).tell(story)


# The fixture names a kind of place; each example makes a new one.
ANEW = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@pytest.mark.parametrize("make_place", EMBEDDED, indirect=True)
@given(story=short_stories)
@settings(max_examples=40, suppress_health_check=ANEW)
def test_short_stories(make_place: MakePlace, story: list[Chapter]) -> None:
    """Overlapping, late and equal times, blanks, gaps, changing labels: all answers are the table's."""
    tell(make_place, story)


@pytest.mark.parametrize("make_place", IN_POSTGRES, indirect=True)
@given(story=short_stories)
@settings(max_examples=8, suppress_health_check=ANEW)
def test_short_stories_in_postgres(make_place: MakePlace, story: list[Chapter]) -> None:
    """The same where an example takes longer."""
    tell(make_place, story)


@pytest.mark.long
@given(story=short_stories)
@settings(max_examples=3_000, suppress_health_check=ANEW)
def test_many_short_stories(make_place: MakePlace, story: list[Chapter]) -> None:
    """As above, with patience."""
    tell(make_place, story)


def test_a_long_story(make_place: MakePlace, seed: int) -> None:
    """Thousands of rows, in blocks and beside them: all answers are the table's."""
    tell(make_place, long_story(seed, 40))


@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
def test_longer_stories(make_place: MakePlace, seed: int, number: int) -> None:
    """As above, for as long as it takes to fill many blocks."""
    tell(make_place, long_story(seed + number, 150, batch_events_max=1_000))


@pytest.mark.parametrize("batches", [30, pytest.param(200, marks=pytest.mark.long)])
def test_retention_of_anything(make_place: MakePlace, seed: int, batches: int) -> None:
    """Whatever comes, goes and comes late: nothing young goes, and nothing is told of what has gone."""
    draw = random.Random(seed)
    rows: list[SampleRow] = []
    feed, now_ms, before_ms = Feed(), START_MS, 0
    with tempfile.TemporaryDirectory() as folder, closing(make_place(Path(folder) / "views")) as place:
        writer, reader = place.writer(retention_ms=5 * HOUR_MS), place.reader()
        for _ in range(batches):
            for _ in range(draw.randint(0, 40)):
                time_ms = max(before_ms, now_ms - draw.choice([0, 0, 0, 10, HOUR_MS, 4 * HOUR_MS]))
                values = {draw.choice(METRIC_NAMES): draw.uniform(0, 100), draw.choice(METRIC_NAMES): 1.0}
                gpu_id = f"GPU-{now_ms // (7 * HOUR_MS) + draw.randint(0, 2)}"
                rows += feed.event(gpu_id, time_ms, values, partition=draw.randrange(2))
                now_ms += 1
            writer.apply(feed.batch())
            now_ms += draw.choice([0, 1_000, HOUR_MS, 3 * HOUR_MS])
            if draw.random() < 0.5:
                old = [
                    row.observed_at_ms for row in rows if 4 <= (now_ms - row.observed_at_ms) / HOUR_MS <= 6
                ]
                before_ms = max(before_ms, draw.choice(old or [now_ms - 5 * HOUR_MS]))
                settle(writer, before_ms + 5 * HOUR_MS)
            check_retained(reader, rows, before_ms)
