"""Every series of every store equals a loop over a plain table, whatever happens in whatever order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from query.views import series_parts
from query.views.series import Grid
from tests.query.views.changes import START_MS
from tests.query.views.places import IN_POSTGRES, MAKERS, MakePlace
from tests.query.views.series_oracle import assert_same, read_series, steps_of
from tests.query.views.stories import long_story, short_stories
from tests.query.views.story import GPU_IDS, METRIC_NAMES, Chapter, Question, Telling

STEPS_MAX = 400
KINDS = {**MAKERS, "sqlite, tiny parts": MAKERS["sqlite, tiny"]}


@pytest.fixture(params=KINDS)
def make_place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MakePlace:
    """With tiny parts, what little a story has is read in many transactions."""
    if request.param == "sqlite, tiny parts":
        monkeypatch.setattr(series_parts, "ROWS_MAX", 20)
        monkeypatch.setattr(series_parts, "SOURCES_MAX", 3)
    return KINDS[request.param](request)


class SeriesTelling(Telling):
    """Asks for series where others ask for entries."""

    def ask(self, question: Question) -> None:
        times_ms = [row.observed_at_ms for row in self.table.rows] or [START_MS]
        start_ms = min(times_ms) if question.start_ms is None else START_MS + question.start_ms
        end_ms = max(times_ms) if question.end_ms is None else START_MS + question.end_ms
        names = [METRIC_NAMES[metric] for metric in question.metrics] or METRIC_NAMES
        for grid in grids(start_ms, end_ms):
            self.compare(GPU_IDS[question.gpu], names, grid)

    def compare_all(self) -> None:
        times_ms = [row.observed_at_ms for row in self.table.rows] or [START_MS]
        for gpu_id in GPU_IDS:
            for grid in grids(min(times_ms), max(times_ms)):
                self.compare(gpu_id, METRIC_NAMES, grid)

    def compare(self, gpu_id: str, names: Iterable[str], grid: Grid) -> None:
        known = {use.metric.name: use.metric for use in self.table.metrics()}
        found = read_series(self.reader, gpu_id, list(names), grid)
        assert [known[name] for name in sorted(set(names) & known.keys())] == [one.metric for one in found]
        for one in found:
            rows = [row for row in self.table.rows if (row.gpu_id, row.metric) == (gpu_id, one.metric)]
            assert_same(steps_of(rows, grid), one.steps)


def grids(start_ms: int, end_ms: int) -> Iterator[Grid]:
    """Windows in one step, in a few, in many; by length and by number."""
    yield Grid.shared_out(start_ms, end_ms, 1)
    yield Grid.shared_out(start_ms, end_ms, 7)
    for step_ms in (1, 60, 3_600_000, 10**13):
        grid = Grid.aligned(start_ms, end_ms, step_ms)
        if grid.count <= STEPS_MAX:
            yield grid


def tell(make_place: MakePlace, story: Iterable[Chapter]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(make_place(Path(folder) / "views")) as place:
        SeriesTelling(place).tell(story)


# The fixture names a kind of place; each example makes a new one.
ANEW = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@pytest.mark.parametrize("make_place", [kind for kind in KINDS if kind not in IN_POSTGRES], indirect=True)
@given(story=short_stories)
@settings(max_examples=12, suppress_health_check=ANEW)
def test_series_of_short_stories(make_place: MakePlace, story: list[Chapter]) -> None:
    """Late and equal times, blanks, blocks that overlap: each step is the table's."""
    tell(make_place, story)


@pytest.mark.parametrize("make_place", IN_POSTGRES, indirect=True)
@given(story=short_stories)
@settings(max_examples=3, suppress_health_check=ANEW)
def test_series_of_short_stories_in_postgres(make_place: MakePlace, story: list[Chapter]) -> None:
    """The same where an example takes longer."""
    tell(make_place, story)


@pytest.mark.long
@given(story=short_stories)
@settings(max_examples=2_000, suppress_health_check=ANEW)
def test_series_of_many_short_stories(make_place: MakePlace, story: list[Chapter]) -> None:
    """As above, with patience."""
    tell(make_place, story)


@pytest.mark.parametrize(
    ("chapters", "events"), [(20, 100), pytest.param(150, 1_000, marks=pytest.mark.long)]
)
def test_series_of_a_long_story(make_place: MakePlace, seed: int, chapters: int, events: int) -> None:
    """Thousands of rows, in blocks and beside them: each step is the table's."""
    tell(make_place, long_story(seed, chapters, batch_events_max=events))
