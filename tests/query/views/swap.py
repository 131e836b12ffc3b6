"""`python -m tests.query.views.swap URL SNAPSHOT`: put two builds in each other's place, again and again.

One holds `OLD_BATCHES` of the known log, and comes from the snapshot; the other `NEW_BATCHES`,
and is made from the log. A line says each swap.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.query.views.contract_building import begun
from tests.query.views.place_at import place_at

OLD_BATCHES = 2
NEW_BATCHES = 4


def main(url: str, snapshot: Path) -> None:
    builds = place_at(url).builds()
    while True:
        print(builds.restore(snapshot).name, flush=True)
        build = begun(builds, NEW_BATCHES)
        builds.make_current(build)
        print(build.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
