"""`python -m tests.query.views.write DIR`: apply the known log from where the view stands, compact, go on.

A line says each checkpoint after it has been applied; the end of stdin ends the process.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

from tests.query.views.changes import SEEN_MS, TOPIC, TOPIC_ID
from tests.query.views.known_log import BATCH_RECORDS, batch
from tests.query.views.sqlite_place import LAZY, SqlitePlace


def main(folder: Path) -> None:
    writer = SqlitePlace(folder, LAZY).writer()
    state = writer.partition_states(TOPIC, TOPIC_ID).get(0)
    end = state.checkpoint.next_offset if state and state.checkpoint else None
    while not select.select([sys.stdin], [], [], 0)[0]:
        writer.apply(batch(end))
        end = (end or 0) + BATCH_RECORDS
        print(end, flush=True)
        writer.maintain(SEEN_MS)
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
