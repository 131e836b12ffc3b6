"""`python -m tests.query.views.swap DIR`: put two builds in each other's place, again and again.

One holds `OLD_BATCHES` of the known log, and comes from the snapshot beside DIR; the other `NEW_BATCHES`,
and is made from the log. A line says each swap.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.query.views.contract_building import begun
from tests.query.views.sqlite_place import SqlitePlace

OLD_BATCHES = 2
NEW_BATCHES = 4
SNAPSHOT = "snapshot"


def main(folder: Path) -> None:
    builds = SqlitePlace(folder).builds()
    while True:
        print(builds.restore(folder.parent / SNAPSHOT).name, flush=True)
        build = begun(builds, NEW_BATCHES)
        builds.make_current(build)
        print(build.name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
