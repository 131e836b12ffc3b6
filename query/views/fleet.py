"""The latest values of a fleet, or a part of it, and what follows from them about its GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, starmap

import attrs
import numpy as np

from query.views import latest
from query.views.columns import DamagedBlobError, Ints
from query.views.latest import RACK_GPUS, Slots
from query.views.model import GPU, GPUFilter, LabelSet, LatestValue, Metric, MetricUse
from query.views.names import Names
from query.views.tables import Moment, Rack


@attrs.frozen(eq=False)
class Fleet:
    """Slots as columns of one length: of each series, in the order of GPU ids, then of metrics' names."""

    gpu_ids: Sequence[str]
    """By number."""
    metrics: Sequence[Metric]
    """By number."""
    label_sets: Mapping[int, LabelSet]
    gpu: Ints
    metric: Ints
    slots: Slots

    @classmethod
    def read(
        cls, moment: Moment, names: Names, *, gpu: int | None = None, metric_name: str | None = None
    ) -> Fleet:
        """What has been reported: by all, by one GPU, or of one metric."""
        metrics, metric_ranks = names.metrics(moment)
        gpu_ids, gpu_ranks = names.gpus(moment)
        gpus, numbers, parts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, latest.SLOT)]
        for metric, rack, blob in _racks(moment, gpu, metrics, metric_name):
            slots = latest.decode(blob)
            if not 0 <= metric < len(metrics) or not 0 <= rack * RACK_GPUS <= len(gpu_ids) - len(slots):
                raise DamagedBlobError("latest values of a GPU or a metric without a name")
            used = np.flatnonzero(slots["offset"] >= 0)
            if gpu is not None:
                used = used[used == gpu % RACK_GPUS]
            gpus.append(used + rack * RACK_GPUS)
            numbers.append(np.full(len(used), metric, np.int64))
            parts.append(slots[used])
        all_gpus, all_metrics = np.concatenate(gpus), np.concatenate(numbers)
        all_slots = np.concatenate(parts)
        order = np.lexsort((metric_ranks[all_metrics], gpu_ranks[all_gpus]))
        label_sets = np.unique(all_slots["label_set"]).tolist()
        return cls(
            gpu_ids=gpu_ids,
            metrics=metrics,
            label_sets=dict(zip(label_sets, names.label_sets(moment, label_sets), strict=True)),
            gpu=all_gpus[order],
            metric=all_metrics[order],
            slots=all_slots[order],
        )

    def latest(self) -> list[LatestValue]:
        """Of each series."""
        values: list[float | None] = self.slots["value"].tolist()
        for place in np.flatnonzero(np.isnan(self.slots["value"])).tolist():
            values[place] = None
        columns = zip(
            map(self.gpu_ids.__getitem__, self.gpu.tolist()),
            map(self.metrics.__getitem__, self.metric.tolist()),
            self.slots["observed_at_ms"].tolist(),
            values,
            map(self.label_sets.__getitem__, self.slots["label_set"].tolist()),
            strict=True,
        )
        return list(starmap(LatestValue, columns))

    def gpus(self, wanted: GPUFilter | None, after_id: str | None, limit: int | None) -> list[GPU]:
        """The GPUs that are wanted."""
        asked = (
            {name: value for name, value in attrs.asdict(wanted).items() if value is not None}
            if wanted
            else {}
        )
        found = (gpu for gpu in self._gpus() if after_id is None or gpu.id > after_id)
        fitting = (
            gpu for gpu in found if all(getattr(gpu.latest, name) == value for name, value in asked.items())
        )
        return list(islice(fitting, limit))

    def gpu_of(self, gpu_id: str) -> GPU | None:
        """One of them."""
        return next((gpu for gpu in self._gpus() if gpu.id == gpu_id), None)

    def metric_uses(self) -> list[MetricUse]:
        """The metrics that have been reported, in the order of their names."""
        counts = np.bincount(self.metric, minlength=len(self.metrics)).tolist()
        uses = [MetricUse(metric, count) for metric, count in zip(self.metrics, counts, strict=True) if count]
        return sorted(uses, key=lambda use: use.metric.name)

    def _gpus(self) -> Iterator[GPU]:
        if len(self.gpu) == 0:
            return
        starts = np.append(0, np.flatnonzero(self.gpu[1:] != self.gpu[:-1]) + 1)
        ends = np.append(starts[1:], len(self.gpu))
        newest = self.slots[self._newest(starts, ends)]
        first_seen_ms = np.minimum.reduceat(self.slots["first_seen_ms"], starts)
        name_lists: dict[bytes, tuple[str, ...]] = {}
        for number, start, end, label_set, first_ms, last_ms in zip(
            self.gpu[starts].tolist(),
            starts.tolist(),
            ends.tolist(),
            newest["label_set"].tolist(),
            first_seen_ms.tolist(),
            newest["observed_at_ms"].tolist(),
            strict=True,
        ):
            metrics = self.metric[start:end]
            key = metrics.tobytes()  # most GPUs report the same
            names = name_lists.get(key)
            if names is None:
                names = name_lists[key] = tuple(self.metrics[one].name for one in metrics.tolist())
            yield GPU(self.gpu_ids[number], self.label_sets[label_set], first_ms, last_ms, names)

    def _newest(self, starts: Ints, ends: Ints) -> Ints:
        """The place of the newest slot of each GPU."""
        slots = self.slots
        groups = np.repeat(np.arange(len(starts)), ends - starts)
        order = np.lexsort((slots["offset"], slots["partition"], slots["observed_at_ms"], groups))
        return order[ends - 1]


def _racks(
    moment: Moment, gpu: int | None, metrics: Sequence[Metric], metric_name: str | None
) -> Iterable[Rack]:
    if gpu is not None:
        return moment.racks(rack=gpu // RACK_GPUS)
    if metric_name is not None:
        number = next((at for at, metric in enumerate(metrics) if metric.name == metric_name), None)
        return () if number is None else moment.racks(metric=number)
    return moment.racks()
