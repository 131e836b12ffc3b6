"""The tables of a build in PostgreSQL. Another layout, or another codec, is another `FORMAT_VERSION`.

    view         one row: which log it follows, how many GPUs there are, and a number that changes with what
                 `metrics` says
    checkpoints  how far each partition has been applied; with origins and gaps beside it
    refused_log  one row while another log has been met since the last changes were applied
    gpus, metrics, label_sets   dictionaries: ids from 0 without holes, rows never go
    tails        what batches brought, as `tails` encodes it, for a shelf of GPUs
    young_blocks the same folded, as `blocks` encodes it, for one GPU and a slice of time; not full yet
    blocks       those that are full: all but what they hold, which is in
    day_<n>      the data of the blocks whose last row is of day <n> since 1970; never changed
    days         which of these there are
    latest       the newest value of each series, as `latest` keeps it

Nearly all bytes are in the tables of days. Retention drops them as wholes, which leaves nothing to be
vacuumed. They are tables of their own and not partitions: dropping a partition locks its parent, and with it
all readers; a plan for any day locks all partitions first. What finds a block is in one narrow table, so that
a question about many days asks no more of them than those it needs.

Ids of tails and blocks are never given twice, so that work done on what has gone meanwhile is noticed.
A row of telemetry is in one tail or in one block, never in both.
"""

from __future__ import annotations

from typing import Final

FORMAT_VERSION: Final = 2

# Whoever compacts vacuums what churns (see `connection`); where nobody does, autovacuum is to be quick too.
_CHURN: Final = (
    "autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = {rows}, "
    "autovacuum_analyze_threshold = 1000, autovacuum_vacuum_cost_delay = 0"
)
_TOAST_CHURN: Final = (
    "toast.autovacuum_vacuum_scale_factor = 0.1, toast.autovacuum_vacuum_threshold = {chunks}, "
    "toast.autovacuum_vacuum_cost_delay = 0"
)
TABLES: Final = f"""
CREATE TABLE view (
    id int PRIMARY KEY CHECK (id = 1),
    topic text,
    topic_id text,
    metrics_version int NOT NULL,
    gpu_count int NOT NULL
);
INSERT INTO view VALUES (1, NULL, NULL, 0, 0);
CREATE TABLE checkpoints (
    partition int PRIMARY KEY,
    next_offset bigint NOT NULL,
    high_watermark bigint NOT NULL,
    seen_at_ms bigint NOT NULL,
    applied_time_ms bigint
) WITH (fillfactor = 20, {_CHURN.format(rows=500)});
CREATE TABLE origins (
    partition int NOT NULL,
    source text COLLATE "C" NOT NULL,
    pass_number bigint NOT NULL,
    row bigint NOT NULL,
    PRIMARY KEY (partition, source)
) WITH (fillfactor = 20, {_CHURN.format(rows=500)});
CREATE TABLE gaps (
    partition int NOT NULL,
    first bigint NOT NULL,
    "end" bigint NOT NULL,
    reason text NOT NULL,
    noted_at_ms bigint NOT NULL,
    PRIMARY KEY (partition, first)
);
CREATE TABLE refused_log (
    id int PRIMARY KEY CHECK (id = 1),
    topic_id text NOT NULL,
    reason text NOT NULL,
    noted_at_ms bigint NOT NULL
);
CREATE TABLE gpus (
    id int PRIMARY KEY,
    uuid text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE metrics (
    id int PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    unit text NOT NULL,
    kind text NOT NULL,
    description text NOT NULL
);
CREATE TABLE label_sets (
    id int PRIMARY KEY,
    content text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX label_sets_by_content ON label_sets (md5(content));
CREATE TABLE tails (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shelf int NOT NULL,
    row_count int NOT NULL,
    gpu_count int NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    applied_at_ms bigint NOT NULL,
    data bytea NOT NULL
) WITH ({_CHURN.format(rows=100)}, {_TOAST_CHURN.format(chunks=2000)});
ALTER TABLE tails ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX tails_of_shelf ON tails (shelf, first_ms);
CREATE SEQUENCE block_ids AS bigint;
CREATE TABLE young_blocks (
    id bigint PRIMARY KEY DEFAULT nextval('block_ids'),
    gpu int NOT NULL,
    period bigint NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    partition int NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    row_count int NOT NULL,
    data bytea NOT NULL
) WITH ({_CHURN.format(rows=200)}, {_TOAST_CHURN.format(chunks=2000)});
ALTER TABLE young_blocks ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX young_blocks_of_gpu ON young_blocks (gpu, first_ms);
CREATE INDEX young_blocks_of_period ON young_blocks (gpu, period, id) INCLUDE (row_count);
CREATE TABLE blocks (
    id bigint PRIMARY KEY,
    day int NOT NULL,
    gpu int NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    partition int NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    row_count int NOT NULL
);
CREATE INDEX blocks_of_gpu ON blocks (gpu, first_ms);
CREATE INDEX blocks_of_log ON blocks (gpu, partition, last_offset);
CREATE INDEX blocks_by_age ON blocks (last_ms);
CREATE TABLE days (
    day int PRIMARY KEY,
    emptied_at timestamptz
);
CREATE TABLE latest (
    metric int NOT NULL,
    rack int NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (metric, rack)
) WITH (fillfactor = 50, {_CHURN.format(rows=500)}, {_TOAST_CHURN.format(chunks=5000)});
ALTER TABLE latest ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX latest_of_rack ON latest (rack);
"""  # noqa: S608  # no parameter of anybody
