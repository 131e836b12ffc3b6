"""`python -m tests.query.views.watch URL`: read a view of the known log, check each answer, repeat.

It prints a line once it has looked at each GPU, and goes on until stdin ends. A wrong answer is a traceback
and exit code 1.
"""

from __future__ import annotations

import select
import sys

from query.views.store import ViewReader
from tests.query.views.answers import read
from tests.query.views.known_log import BATCH_RECORDS, GPU_COUNT, PARTITIONS, KnownView, stands_at
from tests.query.views.place_at import place_at


def check(reader: ViewReader, number: int) -> None:
    """Each answer is what the log says at one checkpoint, which only grows."""
    known = KnownView(number)
    before = reader.as_of()
    assert len(set(before.values())) <= 1, f"half a batch: {before}"
    newest = reader.latest_of_gpu(known.gpu_id)
    found = read(reader, known.gpu_id, as_of=before)
    assert known.entries(before) == found, f"as of {before}"
    slices = list(reader.entries(known.gpu_id))
    if len(slices) == 1:  # read at one moment
        now = list(slices[0].entries())
        end = stands_at(now)
        assert known.entries(dict.fromkeys(PARTITIONS, end)) == now, f"at {end}"
        assert before.get(0, 0) <= end <= reader.as_of().get(0, 0)
    ends = range(before.get(0, 0), reader.as_of().get(0, 0) + 1, BATCH_RECORDS)
    assert any(known.latest(end) == list(newest) for end in ends), f"latest values of {ends}"


def main(url: str) -> None:
    reader, rounds = place_at(url).reader(), 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        check(reader, rounds % GPU_COUNT)
        rounds += 1
        if rounds == GPU_COUNT:
            print("looked at each", flush=True)
    reader.close()


if __name__ == "__main__":
    main(sys.argv[1])
