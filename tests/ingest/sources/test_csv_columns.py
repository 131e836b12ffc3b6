"""Finding columns by name."""

from __future__ import annotations

import random

import pytest

from ingest.sources.csv_columns import COLUMNS, COLUMNS_MAX, REQUIRED, find_columns


def test_the_columns_are_found_in_their_usual_order() -> None:
    """Each in its place, and none is left over."""
    columns = find_columns(COLUMNS)
    assert [12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] == [
        columns.count,
        columns.metric_name,
        columns.gpu_id,
        columns.device,
        columns.uuid,
        columns.model_name,
        columns.hostname,
        columns.container,
        columns.pod,
        columns.namespace,
        columns.value,
        columns.labels_raw,
    ]
    assert () == columns.others


def test_the_columns_are_found_in_any_order(seed: int) -> None:
    """By their names."""
    names = list(COLUMNS)
    random.Random(seed).shuffle(names)
    columns = find_columns(names)
    assert ["value", "uuid", "pod"] == [names[columns.value], names[columns.uuid], names[columns.pod or 0]]


@pytest.mark.parametrize("name", ["Hostname", "hostname", "HOSTNAME", "hostName", " Hostname "])
def test_the_hostname_has_any_case(name: str) -> None:
    """Exporters changed it."""
    assert 1 == find_columns(["uuid", name, "value", "metric_name"]).hostname


def test_the_least_that_a_file_must_have() -> None:
    """The rest is absent."""
    columns = find_columns(REQUIRED)
    assert {None} == {columns.gpu_id, columns.device, columns.pod, columns.labels_raw, columns.model_name}


def test_columns_of_other_names_are_kept() -> None:
    """With their places; the timestamp is none of them, nor is the metric's name again."""
    header = ["rack", *REQUIRED, "row", "timestamp", "__name__"]
    assert (("rack", 0), ("row", 5)) == find_columns(header).others


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (["metric_name", "value"], "has no uuid, Hostname"),
        (["uuid;metric_name;value;Hostname"], "has no metric_name, uuid, Hostname, value: it begins 'uuid;"),
        ([*REQUIRED, "pod", "pod"], "'pod' twice"),
        ([*REQUIRED, "hostname"], "'Hostname' twice"),
        ([*REQUIRED, ""], "column 5 of the header has no name"),
        ([*REQUIRED, *map(str, range(COLUMNS_MAX))], "260 columns: 256 are the most"),
    ],
)
def test_a_wrong_header_is_refused(header: list[str], reason: str) -> None:
    """The reason names what is wrong."""
    with pytest.raises(ValueError, match=reason):
        find_columns(header)
