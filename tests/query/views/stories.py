"""Stories for the oracle test: short ones that Hypothesis can shrink, long ones from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import hypothesis.strategies as st

from query.views.model import Origin
from tests.query.views.story import GPU_IDS, LABEL_SETS, METRIC_NAMES, Chapter, Deed, Event, Question

HOUR_MS = 3_600_000
FAR_MS = 200 * 365 * 24 * HOUR_MS
"""Farther ahead than any clock; stored times are not refused."""
DEEDS: tuple[Deed, ...] = ("maintain", "settle", "reopen", "again", "other")

# --- by Hypothesis -----------------------------------------------------------------------------

gpus = st.integers(0, len(GPU_IDS) - 1)
metrics = st.integers(0, len(METRIC_NAMES) - 1)
times_ms = st.integers(0, 6) | st.sampled_from([-HOUR_MS, HOUR_MS, FAR_MS])
values = st.none() | st.floats(allow_nan=False)
origins = st.none() | st.builds(Origin, st.sampled_from(["csv", "sim"]), st.integers(0, 9), st.integers(0, 9))

events = st.builds(
    Event,
    gpu=gpus,
    partition=st.integers(0, 2) | st.just(1_000),
    time_ms=times_ms,
    label_set=st.integers(0, len(LABEL_SETS) - 1),
    values=st.dictionaries(metrics, values, max_size=4).map(lambda chosen: tuple(chosen.items())),
    lost=st.sampled_from([0, 0, 0, 1, 2**40]),
    origin=origins,
)
questions = st.builds(
    Question,
    gpu=gpus,
    start_ms=st.none() | times_ms,
    end_ms=st.none() | times_ms,
    metrics=st.lists(metrics, max_size=3),
    after=st.none() | st.integers(0, 1_000),
    as_of=st.none() | st.lists(st.integers(0, 4), max_size=4),
    limit=st.none() | st.integers(1, 10),
)
batches: st.SearchStrategy[Chapter] = st.lists(events, max_size=8)
chapters: st.SearchStrategy[Chapter] = batches | questions | st.sampled_from(DEEDS)
short_stories = st.lists(chapters, max_size=16)

# --- by a seed ---------------------------------------------------------------------------------

VALUES = (0.0, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, None)


def long_story(seed: int, chapter_count: int, *, batch_events_max: int = 400) -> Iterator[Chapter]:
    """Big batches of a fleet that mostly moves forward, with some of everything else between them."""
    draw = random.Random(seed)
    now_ms = 0
    for _ in range(chapter_count):
        kind = draw.random()
        if kind < 0.5:
            yield [_event(draw, now_ms + tick) for tick in range(draw.randint(0, batch_events_max))]
            now_ms += draw.choice([0, batch_events_max, HOUR_MS])
        elif kind < 0.75:
            yield _question(draw, now_ms)
        else:
            yield draw.choice(DEEDS)


def _event(draw: random.Random, time_ms: int) -> Event:
    late = draw.random() < 0.05
    chosen = draw.sample(range(len(METRIC_NAMES)), draw.randint(0, len(METRIC_NAMES)))
    return Event(
        gpu=min(draw.randrange(len(GPU_IDS)), draw.randrange(len(GPU_IDS))),
        partition=draw.randrange(4),
        time_ms=draw.randint(0, time_ms) if late else time_ms - time_ms % draw.choice([1, 10]),
        label_set=time_ms // 50 % len(LABEL_SETS) if draw.random() < 0.9 else 0,
        values=tuple((metric, _value(draw, metric)) for metric in chosen),
        lost=draw.choice([1, 1000]) if draw.random() < 0.01 else 0,
        origin=Origin(draw.choice(["csv", "sim"]), time_ms, 0) if draw.random() < 0.1 else None,
    )


def _value(draw: random.Random, metric: int) -> float | None:
    if draw.random() < 0.03:
        return draw.choice(VALUES)
    return float(draw.randint(0, 100)) if metric % 2 else draw.uniform(-1e9, 1e9)


def _question(draw: random.Random, now_ms: int) -> Question:
    def perhaps(number: int) -> int | None:
        return number if draw.random() < 0.5 else None

    start_ms = draw.randint(-10, now_ms + 10)
    return Question(
        gpu=draw.randrange(len(GPU_IDS)),
        start_ms=perhaps(start_ms),
        end_ms=perhaps(start_ms + draw.choice([0, 100, HOUR_MS, 10 * HOUR_MS])),
        metrics=draw.sample(range(len(METRIC_NAMES)), draw.choice([0, 1, 2])),
        after=perhaps(draw.getrandbits(20)),
        as_of=[draw.randint(0, 4) for _ in range(draw.randint(0, 4))] if draw.random() < 0.3 else None,
        limit=perhaps(draw.choice([1, 10, 1000])),
    )
