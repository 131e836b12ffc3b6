"""Two readers, one after the other: the older refuses what the newer, which is the present code, decodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from ingest.errors import PoisonRecordError
from ingest.telemetry import codec
from ingest.telemetry.frame import EventFrame

NEWER = 2


def _old_frame(value: bytes) -> EventFrame:
    """Refuses events of GPUs with odd numbers, as if they were of a version that nobody knew then."""
    event = codec.frame(value)
    uuid = codec.surroundings(event).gpu.uuid
    if int(uuid.removeprefix("GPU-")) % 2:
        raise PoisonRecordError("the record is an event of a newer version")
    return event


@contextmanager
def older_reader() -> Iterator[None]:
    """Folds of this process are made by the older one."""
    with patch("ingest.projections.fold.frame", _old_frame):
        yield


@contextmanager
def newer_reader() -> Iterator[None]:
    """Folds and replays of this process are made by the newer one."""
    with (
        patch("ingest.projections.readers.READER", NEWER),
        patch("ingest.dlq_replay.READER", NEWER),
    ):
        yield
