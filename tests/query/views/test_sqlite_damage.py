"""Damage of a database: each is one line of a ViewError, and no wrong answer."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from query.views.errors import DamagedViewError, ViewError
from query.views.series import Grid
from query.views.sqlite.connection import open_for_writing
from query.views.sqlite.schema import PAGE_BYTES
from query.views.store import ViewReader
from tests.query.views.answers import read, settle
from tests.query.views.changes import SEEN_MS, TOPIC, TOPIC_ID
from tests.query.views.small_view import FLEET, database, fill
from tests.query.views.sqlite_place import SqlitePlace


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SqlitePlace]:
    place = SqlitePlace(tmp_path / "views")
    yield place
    place.close()


def read_all(reader: ViewReader) -> None:
    for gpu in reader.gpus():
        reader.gpu(gpu.id)
        grid = Grid.shared_out(gpu.first_seen_ms, gpu.last_seen_ms, 5)
        list(reader.series(gpu.id, gpu.metric_names, grid))
        read(reader, gpu.id)
        reader.latest_of_gpu(gpu.id)
    for use in reader.metrics():
        reader.latest_of_metric(use.metric.name)
    reader.log_slice(FLEET.gpu_id(0), dict.fromkeys(reader.as_of(), 0))
    reader.status()


def replace(path: Path, content: bytes) -> None:
    """Another file in its place, of which nothing in this process knows anything."""
    path.unlink()
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.write_bytes(content)


def read_from(place: SqlitePlace) -> None:
    with closing(place.reader()) as reader:
        read_all(reader)


def write_to(place: SqlitePlace) -> None:
    with closing(place.writer()) as writer:
        writer.partition_states(TOPIC, TOPIC_ID)
        settle(writer, SEEN_MS)


def check_refusals(place: SqlitePlace) -> list[ViewError]:
    """Reading and writing work, or are refused in a line that names the file; the refusals."""
    refusals: list[ViewError] = []
    for try_it in (read_from, write_to):
        try:
            try_it(place)
        except ViewError as error:
            refusals.append(error)
    for refusal in refusals:
        assert str(place.folder) in str(refusal)
        assert "\n" not in str(refusal)
    return refusals


def test_a_database_that_was_cut(place: SqlitePlace) -> None:
    """At each page: readers and writers say so."""
    fill(place)
    path = database(place)
    whole = path.read_bytes()
    for length in range(0, len(whole), PAGE_BYTES):
        replace(path, whole[:length])
        assert check_refusals(place)


def test_a_database_with_pages_of_noise(place: SqlitePlace) -> None:
    """Each page in turn: an answer, or a refusal; never another error."""
    fill(place)
    path = database(place)
    whole = path.read_bytes()
    refused = 0
    for start in range(0, len(whole), PAGE_BYTES):
        noise = bytes(byte ^ 0x5A for byte in whole[start : start + PAGE_BYTES])
        replace(path, whole[:start] + noise + whole[start + PAGE_BYTES :])
        refused += bool(check_refusals(place))
    assert 3 * refused > len(whole) // PAGE_BYTES  # most others are of indexes that no question needs


@pytest.mark.untraced  # what each table holds is read in the contract
@pytest.mark.parametrize("value", ["x", b"x", 0.5, 2**63 - 1, -(2**63)], ids=repr)
def test_values_that_no_writer_has_written(place: SqlitePlace, value: str | bytes | float) -> None:
    """In each column of each table: an answer, or a refusal; to try again does not help."""
    fill(place)
    path = database(place)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(_RARE_ROWS)
        columns = [(str(table), str(column)) for table, column in connection.execute(_COLUMNS)]
    whole = path.read_bytes()
    refused: set[str] = set()
    for table, column in columns:
        replace(path, whole)
        put(path, table, column, value)
        refusals = check_refusals(place)
        retriable = [type(refusal.__cause__) for refusal in refusals if refusal.retriable]
        # SQLite tells ids that are used up as a full disk.
        assert retriable in ([], [apsw.FullError]), (table, column)
        if refusals:
            refused.add(f"{table}.{column}")
    assert refused >= {"blocks.data", "latest.data", "latest.metric", "tails.data"}
    if isinstance(value, bytes):  # which is of no column's type: those are told that any question reads
        assert refused >= {
            "checkpoints.next_offset",
            "gaps.reason",
            "metrics.unit",
            "gpus.uuid",
            "lease.owner",
        }


_RARE_ROWS = """
INSERT INTO gaps VALUES (0, 0, 1, 'expired', 0);
INSERT INTO refused_log VALUES (1, 'another', 'it has another id', 0);
INSERT INTO lease VALUES (1, '1.another', 0);
"""
_COLUMNS = """
SELECT of.name, has.name FROM sqlite_schema AS of, pragma_table_info(of.name) AS has
    WHERE of.type = 'table' AND of.name NOT LIKE 'sqlite%'
"""


def put(path: Path, table: str, column: str, value: str | bytes | float) -> None:
    """Store a value as damage does: the table's rules are put aside, and come back."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("synchronous", "OFF")
        rules = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).get
        declare(
            connection, table, rules.replace(" STRICT,", "").replace(" STRICT", "").replace(" NOT NULL", "")
        )
        with contextlib.suppress(apsw.MismatchError):  # a row's own number is always one
            connection.execute(f'UPDATE OR IGNORE {table} SET "{column}" = ?', (value,))
        declare(connection, table, rules)


def declare(connection: apsw.Connection, table: str, rules: str) -> None:
    connection.pragma("writable_schema", "ON")
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (rules, table))
    connection.pragma("writable_schema", "RESET")


def test_a_database_with_flipped_bits(place: SqlitePlace, seed: int) -> None:
    """Anywhere, one or many: an answer, or a refusal that cannot be tried again."""
    fill(place)
    path, draw = database(place), random.Random(seed)
    whole = path.read_bytes()
    for count in (1, 1, 1, 5, 50):
        for _ in range(20):
            damaged = bytearray(whole)
            for place_of_bit in draw.sample(range(8 * len(whole)), count):
                damaged[place_of_bit // 8] ^= 1 << place_of_bit % 8
            replace(path, bytes(damaged))
            check_refusals(place)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE label_sets SET content = '[\"host-1\"' WHERE id = 0", "text of a label set is wrong"),
        ("UPDATE label_sets SET content = '[]' WHERE id = 5", "text of a label set is wrong"),
        (
            "UPDATE label_sets SET content = replace(content, '\"host', '7,\"host')",
            "text of a label set is wrong",
        ),
        ("UPDATE label_sets SET content = replace(content, '[]', '[[1,2]]')", "text of a label set is wrong"),
        ("UPDATE label_sets SET content = '{\"a\":1}' WHERE id = 5", "text of a label set is wrong"),
        ("UPDATE label_sets SET content = CAST(x'5bff' AS TEXT) WHERE id = 5", "codec can't decode"),
        ("DELETE FROM label_sets", "label set 5 is missing"),
        ("UPDATE gpus SET uuid = CAST(x'ff' AS TEXT) WHERE id = 1", "codec can't decode"),
        ("DELETE FROM gpus WHERE id = 4", "without a name"),
        ("UPDATE metrics SET kind = 'gauga'", "what is told of a metric is wrong"),
        ("DELETE FROM metrics", "without a name"),
        ("UPDATE view SET projections = '{'", "versions of its projections are wrong"),
        ("UPDATE view SET projections = '[1]'", "versions of its projections are wrong"),
        ("UPDATE view SET topic = NULL, topic_id = NULL", "rows of no topic"),
        ("UPDATE view SET topic_id = NULL", "values of other types"),
        ("DELETE FROM view", "does not say which build"),
    ],
)
def test_tables_with_wrong_rows(place: SqlitePlace, sql: str, what: str) -> None:
    """The same as damaged blobs: such a view is not read, and trying again does not help."""
    fill(place)
    connection = open_for_writing(database(place))
    connection.execute(sql)
    connection.close()
    with pytest.raises(
        DamagedViewError, match=f"is damaged .*{what}.*; collectors make the views anew"
    ) as refusal:
        read_from(place)
    assert not refusal.value.retriable
