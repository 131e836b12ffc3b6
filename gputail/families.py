"""Metric families of one process: its numbers under Prometheus' names, `gputail_<process>_<name>`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Final, TypeAlias

import attrs
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from eventlog.broker.latency import LATENCY_BOUNDS_S
from gputail.histogram import Histogram

_BOUNDS: Final = (*(str(bound) for bound in LATENCY_BOUNDS_S), "+Inf")

Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
"""Values of the labels, and the number."""


@attrs.frozen
class Families:
    """Makes families whose names begin alike."""

    prefix: str

    def gauge(self, name: str, help_text: str, samples: Samples, labels: tuple[str, ...]) -> Metric:
        """What goes up and down."""
        return _fill(GaugeMetricFamily(self.prefix + name, help_text, labels=labels), samples)

    def value(self, name: str, help_text: str, value: float | None) -> Metric:
        """A gauge without labels; None: there is nothing to say yet."""
        return self.gauge(name, help_text, [] if value is None else [((), value)], ())

    def counter(self, name: str, help_text: str, samples: Samples, labels: tuple[str, ...]) -> Metric:
        """What only grows."""
        return _fill(CounterMetricFamily(self.prefix + name, help_text, labels=labels), samples)

    def counters(self, counts: Iterable[tuple[str, str, float]]) -> Iterator[Metric]:
        """Counters without labels, from name, meaning and number."""
        for name, help_text, count in counts:
            yield self.counter(name, help_text, [((), count)], ())

    def histogram(
        self,
        name: str,
        help_text: str,
        samples: Iterable[tuple[tuple[str, ...], Histogram]],
        labels: tuple[str, ...],
    ) -> Metric:
        """Durations."""
        family = HistogramMetricFamily(self.prefix + name, help_text, labels=labels)
        for values, (counts, sum_s) in samples:
            family.add_metric(values, list(zip(_BOUNDS, accumulate(counts), strict=True)), sum_s)
        return family


def _fill(family: Any, samples: Samples) -> Metric:
    for labels, value in samples:
        family.add_metric(labels, value)
    assert isinstance(family, Metric)
    return family
