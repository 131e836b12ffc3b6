"""Rows of a view's own numbers, for the tests of codecs: drawn by Hypothesis, and of a fleet."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np

from query.views.columns import Rows

INT64 = st.integers(-(2**63), 2**63 - 1)
OFFSETS = st.integers(0, 2**63 - 1)
VALUES = (
    st.floats()
    | st.integers(-1000, 1000).map(float)
    | st.decimals(-1000, 1000, places=3).map(float)
    | st.sampled_from([-0.0, 0.0, float("inf"), 2.0**53, 5e-324])
)
ROW = st.tuples(
    st.integers(0, 2) | st.integers(0, 2**31 - 1),
    st.integers(0, 2) | st.integers(0, 2**31 - 1),
    INT64 | st.integers(0, 20),
    st.integers(0, 2) | st.integers(0, 2**31 - 1),
    OFFSETS | st.integers(0, 20),
    st.integers(0, 2) | st.integers(0, 2**31 - 1),
    VALUES,
)
ROWS = st.lists(ROW, min_size=1, max_size=40).map(lambda rows: rows_of(rows))  # noqa: PLW0108  # defined below


def rows_of(rows: list[tuple[Any, ...]]) -> Rows:
    """Columns of (GPU, metric, time, partition, offset, label set, value)."""
    *whole, values = zip(*rows, strict=True)
    columns = [np.array(column, np.int64) for column in whole]
    gpu, metric, time_ms, partition, offset, label_set = columns
    return Rows(gpu, metric, time_ms, partition, offset, label_set, np.array(values, np.float64))


def told(rows: Rows) -> list[tuple[object, ...]]:
    """Each row, its value as text, which tells -0.0 from 0.0 and is equal for blanks."""
    columns = (rows.gpu, rows.metric, rows.observed_at_ms, rows.partition, rows.offset, rows.label_set)
    values = map(repr, rows.value.tolist())
    return list(zip(*(column.tolist() for column in columns), values, strict=True))


def steady(gpu_count: int, tick_count: int, *, metric_count: int = 2, interval_ms: int = 1_000) -> Rows:
    """A fleet's rows in the order of the log, one event for each metric of each GPU and tick."""
    return rows_of(
        [
            (
                gpu,
                metric,
                tick * interval_ms,
                0,
                (tick * metric_count + metric) * gpu_count + gpu,
                gpu,
                float(tick),
            )
            for tick in range(tick_count)
            for metric in range(metric_count)
            for gpu in range(gpu_count)
        ]
    )
