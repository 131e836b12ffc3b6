"""R13: the same log folded twice gives the same answers."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import StoreAt
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.sources import ROW_COUNT, Input

PASSES = 3


def test_a_second_view_answers_as_the_first(tmp_path: Path, store_at: StoreAt, given: Input) -> None:
    """Whatever batches, collectors and compaction made of it: the digests of all answers are equal."""
    first, second = store_at("first"), store_at("second")
    with Pipeline(tmp_path / "log", first) as pipeline:
        collectors = [pipeline.collector(), pipeline.collector("--batch-records", "700")]
        api = pipeline.api()
        streamer = pipeline.streamer(given.source, "--interval", "0.2")
        api.wait_for_records(PASSES * ROW_COUNT)
        assert 0 == streamer.stop()
        stored = next(line["records"] for line in streamer.lines if line["action"] == "end")
        api.wait_for_records(stored)
        assert [0, 0] == [collector.stop() for collector in collectors]

        pipeline.collector("--batch-records", "5000", views=second)
        again = pipeline.api(views=second)
        again.wait_for_records(stored)

        assert stored == api.applied_records() == again.applied_records()
        assert api.digest() == again.digest()
