"""The tables of a view in SQLite. Another layout, or another codec, is another `FORMAT_VERSION`.

    view         one row: what the build is, and which log it follows
    checkpoints  how far each partition has been applied; with origins and gaps beside it
    refused_log  one row while another log has been met since the last changes were applied
    gpus, metrics, label_sets   dictionaries: ids from 0 without holes, rows never change or go
    tails        what batches brought, as `tails` encodes it, for a shelf of GPUs
    blocks       the same folded, as `blocks` encodes it, for one GPU and a slice of time
    latest       the newest value of each series, as `latest` keeps it
    lease        one row: which process does the background work

Ids of tails and blocks are never given twice, so that work done on what has gone meanwhile is noticed.

A row of telemetry is in one tail or in one block, never in both. Pages that compaction and retention free
are used again: the file does not shrink (auto_vacuum costs each write a look at its pointer pages).
"""

from __future__ import annotations

from typing import Final

FORMAT_VERSION: Final = 2
APPLICATION_ID: Final = 0x67707476  # "gptv", in the file's header
PAGE_BYTES: Final = 8192  # one block that is not full takes a page, or shares it with others

TABLES: Final = """
CREATE TABLE view (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    format_version INTEGER NOT NULL,
    projections TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    topic TEXT,
    topic_id TEXT
) STRICT;

CREATE TABLE checkpoints (
    partition INTEGER PRIMARY KEY,
    next_offset INTEGER NOT NULL,
    high_watermark INTEGER NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    applied_time_ms INTEGER
) STRICT;

CREATE TABLE origins (
    partition INTEGER NOT NULL,
    source TEXT NOT NULL,
    pass_number INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (partition, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE gaps (
    partition INTEGER NOT NULL,
    first INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    reason TEXT NOT NULL,
    noted_at_ms INTEGER NOT NULL,
    PRIMARY KEY (partition, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused_log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    topic_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    noted_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE gpus (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metrics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL
) STRICT;

CREATE TABLE label_sets (
    id INTEGER PRIMARY KEY,
    content TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE tails (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    shelf INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    gpu_count INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    applied_at_ms INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX tails_of_shelf ON tails (shelf, first_ms, last_ms, row_count, gpu_count, applied_at_ms);

CREATE TABLE blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gpu INTEGER NOT NULL,
    period INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    partition INTEGER NOT NULL,  -- that of all its rows; -1: of several
    first_offset INTEGER NOT NULL,  -- the least of its rows
    last_offset INTEGER NOT NULL,  -- the greatest
    row_count INTEGER NOT NULL,
    is_full INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX blocks_of_gpu ON blocks (gpu, first_ms, last_ms, row_count);
CREATE INDEX blocks_of_log ON blocks (gpu, partition, last_offset, first_offset);
CREATE INDEX blocks_by_age ON blocks (last_ms);
CREATE INDEX blocks_not_full ON blocks (gpu, period, row_count) WHERE NOT is_full;

CREATE TABLE latest (
    metric INTEGER NOT NULL,
    rack INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (metric, rack)
) STRICT;
CREATE INDEX latest_of_rack ON latest (rack);

CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;
"""
