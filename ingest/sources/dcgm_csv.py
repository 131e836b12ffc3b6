"""The source `csv:PATH`: a file with what dcgm-exporter reported, one value in a row, played in a loop.

The format is csv_columns.py's. The file is read once; every pass is the same samples. Rows that are no
samples are skipped and told of. A file that ends in the middle of a row has one such row.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from ingest.errors import SourceError
from ingest.sources.csv_rows import Rows, read_rows
from ingest.sources.source import BadRow, Source
from ingest.sources.text_file import read_text
from ingest.telemetry.model import Sample

_DIGEST_CHARS = 12


class CsvSource(Source):
    """A file of samples, without end. Its id tells the content, so that an edited file is another source."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._id: str | None = None
        self._rows = Rows(samples=(), bad_rows=(), bad_row_count=0)

    @property
    def id(self) -> str:
        assert self._id is not None, "open() comes first"
        return self._id

    @property
    def bad_rows(self) -> Sequence[BadRow]:
        return self._rows.bad_rows

    @property
    def bad_row_count(self) -> int:
        return self._rows.bad_row_count

    @property
    def pass_count(self) -> int | None:
        return None

    async def open(self) -> None:
        if self._id is not None:  # as it was read first: the id promises that
            return
        file = await read_text(self._path)
        try:
            # In a thread: the largest files take seconds.
            rows = await asyncio.to_thread(read_rows, file.text)
        except ValueError as error:
            raise SourceError(f"{self._path}: {error}") from None
        if not rows.samples:
            raise SourceError(f"{self._path}: {_why_none(rows)}")
        self._rows = rows
        # A name that is not UTF-8 could not be written into an event.
        name = os.fsencode(self._path.name).decode("utf-8", "replace")
        self._id = f"csv:{name}@{file.sha256[:_DIGEST_CHARS]}"

    def samples(self, pass_number: int) -> Sequence[Sample]:
        assert pass_number >= 1
        return self._rows.samples


def _why_none(rows: Rows) -> str:
    if not rows.bad_rows:
        return "it has a header and no rows"
    first = rows.bad_rows[0]
    return f"none of its {rows.bad_row_count} rows is a sample; line {first.line}: {first.reason}"
