"""Writers that do what another one does, for tests to come in between."""

from __future__ import annotations

from collections.abc import Mapping

from query.views.model import Build, PartitionState, RefusedLog
from query.views.store import Changes, ViewWriter


class WrappedWriter(ViewWriter):
    """Hands everything on."""

    def __init__(self, inner: ViewWriter) -> None:
        self.inner = inner

    @property
    def build(self) -> Build:
        return self.inner.build

    def partition_states(self, topic: str, topic_id: str) -> Mapping[int, PartitionState]:
        return self.inner.partition_states(topic, topic_id)

    def apply(self, changes: Changes) -> None:
        self.inner.apply(changes)

    def refuse_log(self, refused: RefusedLog) -> None:
        self.inner.refuse_log(refused)

    def maintain(self, now_ms: int) -> bool:
        return self.inner.maintain(now_ms)

    def close(self) -> None:
        self.inner.close()
