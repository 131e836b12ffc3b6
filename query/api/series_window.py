"""Which window and which steps a series is asked for in, with what is taken where nothing is said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

from query.api.durations import format_duration
from query.api.params import parse_bounds, parse_length
from query.api.problems import BAD_PARAMETER, ProblemError
from query.api.settings import ApiSettings
from query.views.series import Grid

POINTS: Final = 300
"""Points at most, where neither `step` nor `points` is given."""
WINDOW_MS: Final = 3_600_000
"""How much before the end a window starts, where its start is not given."""

_FIRST_MS: Final = int(datetime.min.replace(tzinfo=UTC).timestamp()) * 1000
_LAST_MS: Final = int(datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()) * 1000 + 999


@attrs.frozen
class WantedSteps:
    """What a request says of them; parameters are checked, and no GPU is known yet."""

    start_ms: int | None
    end_ms: int | None
    step_ms: int | None
    points: int | None
    metric_count: int

    @classmethod
    def of_parameters(
        cls,
        start_time: str | None,
        end_time: str | None,
        step: str | None,
        points: int | None,
        metric_count: int,
    ) -> WantedSteps:
        """ProblemError (400) where they are wrong, or do not go together."""
        start_ms, end_ms = parse_bounds(start_time, end_time)
        if step is not None and points is not None:
            raise ProblemError(BAD_PARAMETER, "step and points exclude each other: give one of them")
        return cls(start_ms, end_ms, parse_length("step", step), points, metric_count)

    def grid(self, last_seen_ms: int, settings: ApiSettings) -> Grid:
        """The steps, for a GPU whose newest entry is of that time.

        Raises:
            ProblemError: 400, the steps are too many, or the window is too long for steps of no given length.
        """
        end_ms = last_seen_ms if self.end_ms is None else self.end_ms
        start_ms = end_ms - WINDOW_MS if self.start_ms is None else self.start_ms
        # Times that cannot be written have no entries.
        start_ms, end_ms = (min(max(bound_ms, _FIRST_MS), _LAST_MS) for bound_ms in (start_ms, end_ms))
        points_max = settings.series_points_max // self.metric_count
        if self.step_ms is not None:
            grid = Grid.aligned(start_ms, end_ms, self.step_ms)
            if grid.count > points_max:
                raise self._too_many(grid.count, settings, "take longer steps, or a shorter window")
            return grid
        points = self.points
        if points is None:
            self._check_length(end_ms - start_ms, settings)
            points = min(POINTS, points_max)
        if points > points_max or points == 0:
            raise self._too_many(max(points, 1), settings, "take fewer points")
        return Grid.shared_out(start_ms, end_ms, points)

    def _check_length(self, length_ms: int, settings: ApiSettings) -> None:
        if length_ms > 1000 * settings.series_window_s_max:
            longest = format_duration(round(1000 * settings.series_window_s_max))
            raise ProblemError(
                BAD_PARAMETER,
                f"the window is longer than {longest}: say how fine the series shall be, by step or points",
            )

    def _too_many(self, count: int, settings: ApiSettings, advice: str) -> ProblemError:
        metrics = "" if self.metric_count == 1 else f" of each of {self.metric_count} metrics"
        fewer = "" if self.metric_count == 1 else ", or fewer metrics"
        return ProblemError(
            BAD_PARAMETER,
            f"{count} points{metrics} are more than {settings.series_points_max}, the most of one answer: "
            f"{advice}{fewer}",
        )
