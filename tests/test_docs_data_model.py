"""docs/data-model.md: its columns, event, fields and values are those of the code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import attrs
import pytest

from ingest.sources import csv_columns
from ingest.sources.csv_rows import read_rows
from ingest.telemetry import codec, fields
from ingest.telemetry.model import Sample
from query.views import model as view_model
from tests.documents import ROOT, prose, rows, section, ticked

TEXT = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")
PAGE = prose(ROOT / "docs" / "data-model.md")
MODEL = ROOT / "ingest" / "telemetry" / "model.py"
COLUMN_ROWS = rows(PAGE, "| column | field | meaning |")
ANY_OTHER = "any other"
"""The row for columns that a file has in addition."""
COLUMNS = [column.strip("`") for column, *_ in COLUMN_ROWS if column != ANY_OTHER]


def commented(path: Path) -> dict[str, str]:
    """The comment of each field of the classes of a module: `Class.field` to comment."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        f"{node.name}.{field.target.id}": lines[field.lineno - 1].partition("  # ")[2]
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


# --- columns -----------------------------------------------------------------------------------


def test_columns_become_the_fields_whose_comments_name_them() -> None:
    """The table and the comments of ingest/telemetry/model.py say the same of every column."""
    expected: dict[str, set[str]] = {column: set() for column in COLUMNS}
    for field, comment in commented(MODEL).items():
        for column in set(re.findall(r"\w+", comment)) & set(COLUMNS):
            expected[column].add(field)

    assert expected == {
        column.strip("`"): set(ticked(field)) for column, field, _ in COLUMN_ROWS if column != ANY_OTHER
    }


def test_the_columns_are_those_that_are_read() -> None:
    """The table has them in the order of the file, and the text names those that have to be there."""
    assert list(csv_columns.COLUMNS) == COLUMNS
    needed = re.search(r"^(.*)\shave to be there;", section(PAGE, "A CSV row"), re.MULTILINE)
    assert needed
    assert list(csv_columns.REQUIRED) == ticked(needed[1])


def test_only_the_timestamp_becomes_nothing() -> None:
    """Every other column is kept somewhere."""
    assert ["`timestamp`"] == [column for column, field, _ in COLUMN_ROWS if not field]


def test_a_row_becomes_what_the_table_says() -> None:
    """Each column's text is in the fields that the table names, an unknown column's in the labels."""
    cells = {column: f"the-{column}" for column in COLUMNS} | {
        "gpu_id": "7",
        "value": "54",
        "rack": "the-rack",
    }
    cells["metric_name"] = "the_metric_name"
    cells["labels_raw"] = 'DCGM_FI_DRIVER_VERSION=""the-labels_raw"",job=""the-labels_raw""'
    lines = [",".join(cells), ",".join(f'"{cell}"' for cell in cells.values())]
    (sample,) = read_rows("\n".join(lines)).samples

    for column, named, _ in COLUMN_ROWS:
        name = "rack" if column == ANY_OTHER else column.strip("`")
        wanted = cells[name] if name != "labels_raw" else "the-labels_raw"
        for field in ticked(named):
            assert wanted in held(sample, field), (name, field)
    assert cells["timestamp"] not in repr(sample)


def held(sample: Sample, field: str) -> list[str]:
    """The texts that a field of the sample, its GPU or its workload has."""
    owner, _, name = field.partition(".")
    value = getattr({"Sample": sample, "GPU": sample.gpu, "Workload": sample.workload}[owner], name)
    parts = [*value, *value.values()] if isinstance(value, dict) else [value]
    return [str(part) for part in parts]


# --- the event ---------------------------------------------------------------------------------


def example() -> str:
    """The event that the page shows, without its white space."""
    (block,) = re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return json.dumps(json.loads(block), separators=(",", ":"))


def test_the_example_is_an_event() -> None:
    """It decodes, and encoding it gives the same keys in the same order, byte for byte."""
    event = codec.decode(example().encode())
    assert example().encode() == codec.encode(event)


def test_every_key_of_an_event_is_explained() -> None:
    """The table has the keys of the example, in order, and the fields of the event."""
    table = rows(PAGE, "| key | field | |")
    assert list(json.loads(example())) == [key.strip("`") for key, *_ in table]
    named = {field.strip("`") for _, field, _ in table if field}
    assert {field for field in commented(MODEL) if field.startswith("TelemetryEvent.")} == named


# --- the view ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name.strip("`") for name, *_ in rows(PAGE, "| value | what it is | key |")])
def test_each_value_of_a_view_is_one_of_the_model(name: str) -> None:
    """What the view is said to hold is a value of query/views/model.py."""
    found = getattr(view_model, name)
    assert attrs.has(found) or issubclass(found, tuple)


# --- fields and blanks -------------------------------------------------------------------------


def test_the_table_of_fields_is_the_catalogue() -> None:
    """Each field has its row: unit, kind and description, in the catalogue's order."""
    expected = [
        [f"`{field.name}`", field.unit, field.kind, field.description] for field in fields.CATALOGUE.values()
    ]
    assert expected == rows(PAGE, "| field | unit | kind | description |")


def test_the_sentinels_are_those_of_the_catalogue() -> None:
    """Each range of blanks is stated with its first and its last number."""
    said = [sentinels for sentinels, _ in rows(PAGE, "| sentinels | of |")]
    assert said == [f"{blanks[0]} to {blanks[-1]}" for blanks in (fields.INT64_BLANKS, fields.FP64_BLANKS)]
