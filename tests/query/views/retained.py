"""What a view must still have after retention, and what it may have: a loop over a plain table says both."""

from __future__ import annotations

from query.views.store import ViewReader, Window
from tests.query.views.answers import entries_of, read
from tests.query.views.changes import SampleRow


def check_retained(reader: ViewReader, rows: list[SampleRow], before_ms: int) -> None:
    """All from that time on is there; of what is older, only what once was; no name without rows."""
    listed = {gpu.id: gpu for gpu in reader.gpus()}
    for gpu_id in {row.gpu_id for row in rows}:
        mine = [row for row in rows if row.gpu_id == gpu_id]
        kept = [row for row in mine if row.observed_at_ms >= before_ms]
        assert entries_of(kept) == read(reader, gpu_id, Window(before_ms))
        found = read(reader, gpu_id)
        once = {entry.key: entry for entry in entries_of(mine)}
        assert [once[entry.key] for entry in found] == found
        assert bool(found) == (gpu_id in listed)
        latest = {one.metric.name: one for one in reader.latest_of_gpu(gpu_id)}
        for name in {row.metric.name for row in kept}:
            newest = max((row for row in kept if row.metric.name == name), key=lambda row: row.key)
            assert (newest.observed_at_ms, newest.value) == (latest[name].observed_at_ms, latest[name].value)
        if found:
            gpu = listed[gpu_id]
            assert gpu == reader.gpu(gpu_id)
            assert {row.metric.name for row in kept} <= set(gpu.metric_names)
            assert sorted(latest) == list(gpu.metric_names)
            assert gpu.first_seen_ms <= found[0].observed_at_ms
            assert (gpu.last_seen_ms, gpu.latest) == (found[-1].observed_at_ms, found[-1].label_set)
    uses = {use.metric.name: use.gpu_count for use in reader.metrics()}
    names = [name for gpu in listed.values() for name in gpu.metric_names]
    assert {name: names.count(name) for name in names} == uses
