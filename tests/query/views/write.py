"""`python -m tests.query.views.write URL`: apply the known log from where the view stands, compact, go on.

It follows the build that is current, and goes on from where that one stands.

A line says each checkpoint after it has been applied; the end of stdin ends the process.
"""

from __future__ import annotations

import select
import sys

from query.views.errors import StaleCheckpointError
from query.views.store import ViewWriter
from tests.query.views.changes import SEEN_MS, TOPIC, TOPIC_ID
from tests.query.views.known_log import BATCH_RECORDS, batch
from tests.query.views.place_at import place_at
from tests.query.views.sqlite_place import LAZY


def stands_at(writer: ViewWriter) -> int | None:
    """The checkpoint, which is the same in all partitions."""
    state = writer.partition_states(TOPIC, TOPIC_ID).get(0)
    return state.checkpoint.next_offset if state and state.checkpoint else None


def main(url: str) -> None:
    writer = place_at(url, LAZY).writer()
    end = stands_at(writer)
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            writer.apply(batch(end))
        except StaleCheckpointError:  # another build is current
            end = stands_at(writer)
            continue
        end = (end or 0) + BATCH_RECORDS
        print(end, flush=True)
        writer.maintain(SEEN_MS)
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
