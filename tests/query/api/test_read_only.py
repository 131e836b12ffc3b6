"""The API process cannot write the view: it is given a reader, imports no writer, and changes no file."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import Any

import query.api
from query.views.opening import open_reader, open_writer
from query.views.store import ViewReader, ViewWriter
from tests.query.api.fleet import FIRST_ID, UTIL, Fleet
from tests.query.api.serving import serving

PATHS = [
    "/api/v1/gpus",
    "/api/v1/gpus?limit=1",
    f"/api/v1/gpus/{FIRST_ID}",
    f"/api/v1/gpus/{FIRST_ID}/telemetry",
    f"/api/v1/gpus/{FIRST_ID}/telemetry?limit=5",
    f"/api/v1/gpus/{FIRST_ID}/series?metric_name={UTIL.name}",
    "/api/v1/metrics",
    f"/api/v1/fleet/latest?metric_name={UTIL.name}",
    "/api/v1/fleet/summary",
    "/api/v1/pipeline",
    "/health/ready",
    "/metrics",
    "/schema/openapi.json",
]


class OnlyReads:
    """A reader with the methods of the port and nothing else; each call is noted."""

    def __init__(self, reader: ViewReader) -> None:
        self._reader = reader
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        assert name in ViewReader.__abstractmethods__, f"{name} is not of the port"
        self.called.add(name)
        return getattr(self._reader, name)


async def test_every_route_needs_the_reader_only() -> None:
    """The port's reading methods are enough, and closing is the owner's."""
    fleet = Fleet()
    fleet.add(3)
    reader = OnlyReads(fleet.reader())
    async with serving(reader) as api:  # type: ignore[arg-type]
        for path in PATHS:
            assert 200 == (await api.get(path)).status_code, path
    assert {
        "gpus",
        "gpu",
        "latest_of_gpu",
        "latest_of_metric",
        "metrics",
        "entries",
        "series",
        "status",
        "beside",
    } == reader.called


def test_readers_and_writers_are_apart() -> None:
    """No method that changes anything is a reader's."""
    reading = set(ViewReader.__abstractmethods__)
    assert {"close"} == reading & set(ViewWriter.__abstractmethods__)
    assert not {
        name for name in reading if name.startswith(("apply", "write", "maintain", "delete", "set", "refuse"))
    }


def test_the_api_imports_ports_and_values_only() -> None:
    """Of the views: errors, values, the reader's port; the store in memory for the document; no writer."""
    imported: set[tuple[str, str]] = set()
    for path in Path(query.api.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("query.views"):
                imported |= {(str(node.module), alias.name) for alias in node.names}
            assert not (isinstance(node, ast.Import) and "query.views" in ast.dump(node))
    assert {
        "query.views.errors",
        "query.views.log_order",
        "query.views.memory",
        "query.views.model",
        "query.views.series",
        "query.views.store",
    } == {module for module, _ in imported}
    assert not {name for _, name in imported if "Writer" in name or name in {"Changes", "Step"}}


async def test_serving_changes_no_file_of_the_store(tmp_path: Path) -> None:
    """Over SQLite: the same files with the same bytes before and after every route was asked."""
    url = f"sqlite:///{tmp_path / 'views'}"
    fleet = Fleet(is_empty=True)
    fleet.write_to(open_writer(url, projections={"inventory": 1, "samples": 1}, retention_ms=None))
    fleet.add(50)
    before = digests(tmp_path)
    assert any("sqlite" in name or name.endswith(".db") for name in before)
    reader = open_reader(url)
    try:
        async with serving(reader) as api:
            for path in PATHS:
                assert 200 == (await api.get(path)).status_code, path
        assert before == digests(tmp_path)
    finally:
        reader.close()
        fleet.close()


def digests(folder: Path) -> dict[str, str]:
    """Each file's content, but for the shared memory in which SQLite's readers note where they read."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }
