"""What is said of any build of a store in PostgreSQL: how far it is, and how large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from query.views.model import ViewStatus
from query.views.postgres.address import Address
from query.views.postgres.build_rows import BuildRow
from query.views.postgres.errors import plain_errors
from query.views.postgres.head import HEAD, Head
from query.views.postgres.known import Known
from query.views.postgres.moment import BEGIN_READING, PostgresMoment
from query.views.postgres.schema import build_schema
from query.views.postgres.session import Session
from query.views.postgres.store import Store
from query.views.progress import status

_SIZES = """
SELECT nspname::text, coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint
FROM pg_namespace LEFT JOIN pg_class ON relnamespace = pg_namespace.oid AND relkind = 'r'
WHERE nspname = ANY($1::text[]) GROUP BY nspname
"""


def status_of(store: Store, name: str) -> ViewStatus:
    """How far a build is, whether or not it is current.

    Raises:
        OtherBuildError: it has a format that this version does not read.
        DamagedViewError: it cannot be read, or is gone.
    """
    row = store.readable(name)
    with store.asking() as session, moment_of(session, store.address, row) as moment:
        return status(moment, row.build)


@contextmanager
def moment_of(session: Session, address: Address, row: BuildRow) -> Iterator[PostgresMoment]:
    """What any build holds at one moment, on a connection to its store."""
    schema = build_schema(address, row.build.name)
    with plain_errors(address, row.build.name):
        try:
            _, _, head = session.run(
                (BEGIN_READING, ()), ("SELECT set_config('search_path', $1, true)", (schema,)), (HEAD, ())
            )
            yield PostgresMoment(session, Known(), head=Head.of_rows(head))
        finally:
            session.roll_back()


def sizes_of(session: Session, address: Address, rows: Sequence[BuildRow]) -> dict[int, int]:
    """Bytes of all tables and indexes, by the builds' numbers; those without tables are left out."""
    numbers = {build_schema(address, row.build.name): row.number for row in rows}
    return {numbers[schema]: size for schema, size in session.rows(_SIZES, list(numbers))}
