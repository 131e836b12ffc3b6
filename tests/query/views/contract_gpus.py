"""What every store must know of GPUs, latest values and metrics. A subclass gives the fixture `place`."""

from __future__ import annotations

import attrs
import pytest

from query.views.model import GPU, GPUFilter, LatestValue, Metric, MetricUse
from tests.query.views.answers import settle
from tests.query.views.changes import BUSY, ENERGY, IDLE, POWER, START_MS, TEMPERATURE, Feed, label_set
from tests.query.views.place import Place


class GpuContract:
    def test_gpus_in_the_order_of_their_ids(self, place: Place) -> None:
        """Each with its surroundings, when it was seen, and what it reports."""
        feed = Feed()
        feed.event("gpu-b", START_MS, {TEMPERATURE.name: 1.0, POWER.name: 1.0}, BUSY)
        feed.event("gpu-a", START_MS + 1, {POWER.name: 1.0})
        feed.event("gpu-b", START_MS + 2, {ENERGY.name: None}, BUSY)
        place.writer().apply(feed.batch())
        expected = [
            GPU("gpu-a", IDLE, START_MS + 1, START_MS + 1, (POWER.name,)),
            GPU("gpu-b", BUSY, START_MS, START_MS + 2, (TEMPERATURE.name, POWER.name, ENERGY.name)),
        ]
        reader = place.reader()
        assert expected == list(reader.gpus())
        assert [*expected, None] == [reader.gpu(gpu_id) for gpu_id in ("gpu-a", "gpu-b", "gpu-c")]

    def test_a_name_that_is_no_text(self, place: Place) -> None:
        """Half of a surrogate pair is unknown to readers, and cannot be applied."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0})
        writer.apply(feed.batch())
        half = "gpu-a\ud800"
        assert reader.gpu(half) is None
        assert ([], []) == (list(reader.latest_of_gpu(half)), list(reader.latest_of_metric(half)))
        assert ([], []) == (list(reader.entries(half)), list(reader.entries("gpu-a", metric_names=[half])))
        assert [] == list(reader.gpus(GPUFilter(hostname=half)))
        for gpu_id, name in ((half, POWER.name), ("gpu-a", half)):
            bad = Feed()
            bad.ends, bad.applied = dict(feed.ends), dict(feed.applied)
            bad.event(gpu_id, START_MS + 1, {name: 1.0})
            with pytest.raises(AssertionError, match="half of a surrogate pair"):
                writer.apply(bad.batch())
        assert ["gpu-a"] == [gpu.id for gpu in reader.gpus()]

    def test_pages_of_gpus(self, place: Place) -> None:
        """After an id, that many; the id need not exist."""
        feed = Feed()
        ids = [f"gpu-{n:02d}" for n in range(10)]
        for gpu_id in reversed(ids):
            feed.event(gpu_id, START_MS, {POWER.name: 1.0})
        place.writer().apply(feed.batch())
        reader = place.reader()
        for after_id, limit, expected in (
            (None, 3, ids[:3]),
            ("gpu-02", 3, ids[3:6]),
            ("gpu-02x", 3, ids[3:6]),
            ("gpu-08", 3, ids[9:]),
            ("gpu-09", 3, []),
            ("gpu-05", None, ids[6:]),
        ):
            assert expected == [gpu.id for gpu in reader.gpus(after_id=after_id, limit=limit)]

    def test_gpus_by_their_surroundings(self, place: Place) -> None:
        """Each field of a filter must fit the newest surroundings; a limit counts those that fit."""
        feed = Feed()
        a100 = attrs.evolve(BUSY, hostname="host-2", model_name="NVIDIA A100", pod="train-1")
        for gpu_id, around in {"a": IDLE, "b": BUSY, "c": a100, "d": BUSY}.items():
            feed.event(gpu_id, START_MS, {POWER.name: 1.0}, BUSY)
            feed.event(gpu_id, START_MS + 1, {POWER.name: 1.0}, around)
        place.writer().apply(feed.batch())
        reader = place.reader()
        for wanted, expected in (
            (GPUFilter(), "abcd"),
            (GPUFilter(hostname="host-2"), "c"),
            (GPUFilter(model_name=IDLE.model_name), "abd"),
            (GPUFilter(namespace="research"), "bcd"),
            (GPUFilter(pod="train-0"), "bd"),
            (GPUFilter(pod="train-0", hostname="host-2"), ""),
            (GPUFilter(hostname="HOST-2"), ""),
            (GPUFilter(pod=""), ""),
        ):
            assert expected == "".join(gpu.id for gpu in reader.gpus(wanted)), wanted
        page = reader.gpus(GPUFilter(pod="train-0"), after_id="b", limit=1)
        assert ["d"] == [gpu.id for gpu in page]

    def test_latest_values_of_a_gpu(self, place: Place) -> None:
        """One of each metric, in the order of the names, blanks included."""
        feed = Feed()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0, TEMPERATURE.name: 2.0})
        feed.event("gpu-a", START_MS + 5, {POWER.name: 3.0, ENERGY.name: None}, BUSY)
        place.writer().apply(feed.batch())
        expected = [
            LatestValue("gpu-a", TEMPERATURE, START_MS, 2.0, IDLE),
            LatestValue("gpu-a", POWER, START_MS + 5, 3.0, BUSY),
            LatestValue("gpu-a", ENERGY, START_MS + 5, None, BUSY),
        ]
        reader = place.reader()
        assert expected == list(reader.latest_of_gpu("gpu-a"))
        assert [] == list(reader.latest_of_gpu("gpu-b"))

    def test_latest_values_of_a_metric(self, place: Place) -> None:
        """One of each GPU that has it, in the order of their ids."""
        feed = Feed()
        for gpu_id in ("gpu-c", "gpu-a", "gpu-b"):
            feed.event(gpu_id, START_MS, {TEMPERATURE.name: 30.0})
            if gpu_id != "gpu-b":
                feed.event(gpu_id, START_MS + 1, {POWER.name: 70.0})
        place.writer().apply(feed.batch())
        reader = place.reader()
        expected = [LatestValue(gpu_id, POWER, START_MS + 1, 70.0, IDLE) for gpu_id in ("gpu-a", "gpu-c")]
        assert expected == list(reader.latest_of_metric(POWER.name))
        assert [] == list(reader.latest_of_metric("DCGM_FI_UNKNOWN"))

    @pytest.mark.parametrize("at_once", [True, False])
    def test_the_newest_is_by_time_partition_and_offset(self, place: Place, at_once: bool) -> None:
        """Of equal times the greater partition counts, then the greater offset; in one batch or in many."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        for partition, value in ((1, 1.0), (1, 2.0), (0, 3.0), (0, 4.0)):
            around = label_set(f"host-{value:g}")
            feed.event("gpu-a", START_MS, {POWER.name: value}, around, partition=partition)
            if not at_once:
                writer.apply(feed.batch())
        writer.apply(feed.batch())
        (latest,) = reader.latest_of_gpu("gpu-a")
        assert (2.0, "host-2") == (latest.value, latest.label_set.hostname)
        gpu = reader.gpu("gpu-a")
        assert gpu is not None
        assert "host-2" == gpu.latest.hostname

    def test_late_rows_change_nothing_newer(self, place: Place) -> None:
        """They may be the first that was seen; latest values and surroundings stay as they are."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS + 100, {POWER.name: 1.0}, BUSY)
        writer.apply(feed.batch())
        settle(writer)
        feed.event("gpu-a", START_MS, {POWER.name: 2.0, TEMPERATURE.name: 9.0}, IDLE)
        writer.apply(feed.batch())
        names = (TEMPERATURE.name, POWER.name)
        assert GPU("gpu-a", BUSY, START_MS, START_MS + 100, names) == reader.gpu("gpu-a")
        expected = [
            LatestValue("gpu-a", TEMPERATURE, START_MS, 9.0, IDLE),
            LatestValue("gpu-a", POWER, START_MS + 100, 1.0, BUSY),
        ]
        assert expected == list(reader.latest_of_gpu("gpu-a"))
        feed.event("gpu-a", START_MS - 5, {POWER.name: 3.0}, IDLE)
        writer.apply(feed.batch())
        assert GPU("gpu-a", BUSY, START_MS - 5, START_MS + 100, names) == reader.gpu("gpu-a")
        assert expected == list(reader.latest_of_gpu("gpu-a"))

    def test_within_a_batch_the_newest_counts(self, place: Place) -> None:
        """Rows of one batch need not be in the order of time."""
        feed = Feed()
        for n in (3, 9, 1):
            feed.event("gpu-a", START_MS + n, {POWER.name: n}, label_set(f"host-{n}"))
        place.writer().apply(feed.batch())
        reader = place.reader()
        expected = GPU("gpu-a", label_set("host-9"), START_MS + 1, START_MS + 9, (POWER.name,))
        assert expected == reader.gpu("gpu-a")
        assert [9.0] == [latest.value for latest in reader.latest_of_metric(POWER.name)]

    def test_metrics_in_use(self, place: Place) -> None:
        """Each with its description, and how many GPUs have reported it; others are not listed."""
        feed, writer, reader = Feed(), place.writer(), place.reader()
        feed.event("gpu-a", START_MS, {POWER.name: 1.0, TEMPERATURE.name: None})
        writer.apply(feed.batch())
        feed.event("gpu-b", START_MS, {POWER.name: 1.0})
        feed.event("gpu-b", START_MS + 1, {POWER.name: 1.0, "DCGM_FI_A": 1.0})
        writer.apply(feed.batch())
        expected = [
            MetricUse(Metric("DCGM_FI_A", "", "gauge", ""), 1),
            MetricUse(TEMPERATURE, 1),
            MetricUse(POWER, 2),
        ]
        assert expected == list(reader.metrics())

    def test_names_of_any_script(self, place: Place) -> None:
        """Ids, labels and names are text; nothing in them is special."""
        strange = "späti'; --\n\t ☃ 𝄞 %s ?1"
        around = label_set(strange, pod="", labels=(("", ""), (strange, strange)))
        feed = Feed()
        feed.event(strange, START_MS, {strange: 1.0}, around)
        place.writer().apply(feed.batch())
        reader = place.reader()
        assert GPU(strange, around, START_MS, START_MS, (strange,)) == reader.gpu(strange)
        assert [strange] == [use.metric.name for use in reader.metrics()]
        assert [strange] == [gpu.id for gpu in reader.gpus(GPUFilter(hostname=strange, pod=""))]
