"""Pure folds of events into changes to the view.

Three projections make a view. Each has a name and a version; a build of the view knows the versions that it
was made by, and another version means a new build, never a migration.

    inventory   GPUs with their surroundings, first and last seen; each metric's unit, kind and description
    samples     every value of every event
    latest      the newest value of each metric of each GPU

They share one pass over the records (`Fold`): `samples` are rows, `inventory` the dictionaries that the rows
refer to. First and last seen and `latest` follow from the rows by rules of the store (query/views/store.py):
it merges them in the transaction that holds the rows, so that a batch that comes late changes no newer
value. A change of those rules is a new version here.
"""

from collections.abc import Mapping

from ingest.projections.fold import Fold, Folded, PoisonRecord
from ingest.projections.place import Move, Place
from ingest.projections.samples import without_partitions

VERSIONS: Mapping[str, int] = {"inventory": 1, "samples": 1, "latest": 1}

__all__ = ["VERSIONS", "Fold", "Folded", "Move", "Place", "PoisonRecord", "without_partitions"]
