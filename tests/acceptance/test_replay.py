"""A source in a loop, and R13: the same log folded twice gives the same answers."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from tests.acceptance.api import Api, wait_until
from tests.acceptance.pipeline import Pipeline
from tests.acceptance.sources import GPU_COUNT, INPUTS, ROW_COUNT
from tests.stores import new_views

PASSES = 3
KINDS = [("sqlite", list(INPUTS)[-1]), ("postgres", "sample")]
"""The real file, where there is one, and the shipped sample."""
METRICS_OF_A_GPU = 10
WANTED = PASSES * METRICS_OF_A_GPU


@attrs.frozen(eq=False)
class Played:
    """Some passes, in the log and in a view; no streamer or collector runs any more."""

    pipeline: Pipeline
    api: Api
    record_count: int
    second_views: str


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The shipped sample, and the real file where there is one; two collectors with batches of their own."""
    kind, name = request.param
    folder = tmp_path_factory.mktemp("played")
    with Pipeline(folder / "log", new_views(request, kind, folder, "first")) as pipeline:
        collectors = [pipeline.collector(), pipeline.collector("--batch-records", "700")]
        api = pipeline.api()
        streamer = pipeline.streamer(INPUTS[name].source, "--interval", "0.2")
        api.wait_for_records(PASSES * ROW_COUNT)
        wait_until(lambda: len(api.gpu_ids()) == GPU_COUNT, "every GPU")
        # Each partition has passes of its own: one may be behind the others.
        wait_until(lambda: all(len(api.entries(one)) >= WANTED for one in some(api)), "passes of each GPU")
        assert 0 == streamer.stop()
        stored = next(line["records"] for line in streamer.lines if line["action"] == "end")
        api.wait_for_records(stored)
        assert [0, 0] == [collector.stop() for collector in collectors]
        yield Played(pipeline, api, stored, new_views(request, kind, folder, "second"))


def some(api: Api) -> list[str]:
    """GPUs of different partitions."""
    return api.gpu_ids()[:: GPU_COUNT // 10]


def test_passes_repeat_and_keep_their_order(played: Played) -> None:
    """A source in a loop gives each GPU the same entries again, later."""
    for gpu_id in some(played.api):
        entries = played.api.entries(gpu_id)
        assert len(entries) >= WANTED
        assert sorted(entries, key=lambda entry: entry["observed_at"]) == entries
        passes = [
            sorted(
                ((entry["metric_name"], entry["value"]) for entry in entries[start:][:METRICS_OF_A_GPU]),
                key=str,
            )
            for start in range(0, WANTED, METRICS_OF_A_GPU)
        ]
        assert [passes[0]] * PASSES == passes


def test_a_second_view_answers_as_the_first(played: Played) -> None:
    """Whatever batches, collectors and compaction made of it: the digests of all answers are equal."""
    collector = played.pipeline.collector("--batch-records", "5000", views=played.second_views)
    again = played.pipeline.api(views=played.second_views)
    again.wait_for_records(played.record_count)
    assert 0 == collector.stop()

    assert played.record_count == played.api.applied_records() == again.applied_records()
    assert played.api.digest() == again.digest()
