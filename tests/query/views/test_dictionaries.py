"""What a writer asks the tables about names: each unknown one once, and none that it knows for good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import attrs
import pytest

from query.views import dictionaries
from query.views.dictionaries import Dictionaries
from query.views.model import LabelSet, Metric
from query.views.sqlite.connection import open_for_writing, transaction
from query.views.sqlite.transaction import SQLiteTransaction
from tests.query.views.changes import POWER, TEMPERATURE, label_set
from tests.query.views.sqlite_place import SqlitePlace


class Asked(SQLiteTransaction):
    """It notes what it is asked for."""

    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self.names: list[str] = []

    def number_gpus(self, gpu_ids: Sequence[str]) -> list[int]:
        self.names += gpu_ids
        return super().number_gpus(gpu_ids)

    def number_metrics(self, metrics: Sequence[Metric]) -> list[int]:
        self.names += [metric.name for metric in metrics]
        return super().number_metrics(metrics)

    def number_label_sets(self, texts: Sequence[str]) -> list[int]:
        self.names += texts
        return super().number_label_sets(texts)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    place = SqlitePlace(tmp_path / "views")
    place.writer()
    [path] = place.folder.glob("*/view.sqlite")
    with closing(open_for_writing(path)) as connection:
        yield connection
    place.close()


@contextmanager
def asking(connection: apsw.Connection) -> Iterator[Asked]:
    with transaction(connection):
        yield Asked(connection)


def test_each_unknown_name_is_asked_for_once(connection: apsw.Connection) -> None:
    """Though a batch has it several times; equal label sets are one, and of a metric the last counts."""
    names, twice = Dictionaries(), label_set("host-1")
    again = attrs.evolve(twice)
    with asking(connection) as asked:
        assert [0, 1, 0] == names.gpus(asked, ["a", "b", "a"]).tolist()
        described = attrs.evolve(POWER, unit="kW")
        assert [0, 1, 0] == names.metrics(asked, [POWER, TEMPERATURE, described]).tolist()
        assert [0, 0] == names.label_sets(asked, [twice, again]).tolist()
        assert described == asked.metrics()[0]
    assert ["a", "b", POWER.name, TEMPERATURE.name, dictionaries.encode_label_set(twice)] == asked.names


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_was_kept_is_known(connection: apsw.Connection, is_kept: bool) -> None:
    """And what was rolled back is asked for again; a metric too that is described anew."""
    names, surroundings = Dictionaries(), label_set("host-1")
    for _ in range(2):
        with asking(connection) as asked:
            names.gpus(asked, ["a"])
            names.metrics(asked, [POWER])
            names.label_sets(asked, [surroundings])
        if is_kept:
            names.keep()
        else:
            names.forget()
    assert is_kept == (not asked.names)
    with asking(connection) as asked:
        names.metrics(asked, [attrs.evolve(POWER, unit="kW")])
        names.label_sets(asked, [attrs.evolve(surroundings)])
    assert POWER.name in asked.names
    assert is_kept == (len(asked.names) == 1)


def test_a_writer_remembers_no_more_label_sets_than_it_may(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pods come and go, their numbers stay."""
    monkeypatch.setattr(dictionaries, "_REMEMBERED_MAX", 3)
    names = Dictionaries()
    pods: list[LabelSet] = [attrs.evolve(label_set("host-1"), pod=f"pod-{number}") for number in range(10)]
    for expected in (range(10), range(10)):
        for start in expected[:-1]:
            with asking(connection) as asked:
                numbers = names.label_sets(asked, pods[start : start + 2])
            names.keep()
            assert [start, start + 1] == numbers.tolist()
            assert len(names._by_identity) <= 3
            assert len(names._label_sets) <= 3
