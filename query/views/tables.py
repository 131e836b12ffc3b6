"""What the views ask of a database: the tables of one build, within one transaction.

Everything else about views is the same on every database: how rows become tails and blocks, how they are
found again, how the log's order is kept. An adapter implements these classes and those of `database`; the
contract suite in tests/query/views says when it is right. Calls block; one thread at a time uses an object.

Blobs are bytes that only the codecs know (`tails`, `blocks`, `latest`). Numbers of GPUs, metrics and label
sets are given from 0 without holes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import attrs
import numpy as np

from query.views import tails
from query.views.blocks import Block
from query.views.columns import Rows
from query.views.model import Checkpoint, Gap, Metric, Origin, RefusedLog
from query.views.store import AsOf, Step


class PlaceTakenError(Exception):
    """What was to be replaced has gone: somebody else has done that work. Nothing of it must be kept."""


# --- rows ------------------------------------------------------------------------------------------


class Source(NamedTuple):
    """A tail or a block; none of its rows is from before `first_ms`."""

    is_tail: bool
    id: int
    first_ms: int


class LogSource(NamedTuple):
    """A block, by where its rows stand in the log."""

    partition: int
    """-1: its rows are of several."""
    first_offset: int
    last_offset: int
    id: int


class Rack(NamedTuple):
    """The latest values of one metric, of a rack of GPUs."""

    metric: int
    rack: int
    data: bytes


@attrs.frozen
class NewTail:
    """A tail to be stored."""

    shelf: int
    row_count: int
    gpu_count: int
    first_ms: int
    last_ms: int
    applied_at_ms: int
    data: bytes

    @classmethod
    def of_rows(cls, rows: Rows, applied_at_ms: int) -> NewTail:
        """A tail of some rows of one shelf, at least one, which are in the order of their series."""
        return cls(
            shelf=int(rows.gpu[0]) // tails.SHELF_GPUS,
            row_count=len(rows),
            gpu_count=int(np.count_nonzero(rows.gpu[1:] != rows.gpu[:-1])) + 1,
            first_ms=int(np.min(rows.observed_at_ms)),
            last_ms=int(np.max(rows.observed_at_ms)),
            applied_at_ms=applied_at_ms,
            data=tails.encode(rows),
        )


class StoredTail(NamedTuple):
    """A tail that is there."""

    id: int
    row_count: int
    applied_at_ms: int
    data: bytes


class NewBlock(NamedTuple):
    """A block to be stored, and the period that it lies in."""

    block: Block
    period: int
    is_full: bool
    """No further block of its period will be put together with it."""


class StoredBlock(NamedTuple):
    """A block that is there and not full."""

    id: int
    data: bytes


class Young(NamedTuple):
    """Blocks of a GPU in a period that are not full."""

    gpu: int
    period: int
    row_count: int
    is_over: bool
    """Whether the latest folds brought blocks of later periods only: then these are as full as can be."""


@attrs.frozen
class FoldBounds:
    """Which shelves are to be folded: those whose tails reach one of these."""

    rows_max: int
    """Rows of all of its tails."""
    gpu_rows: int
    """The same, for each GPU of its tail with the most GPUs."""
    applied_ms: int
    """Its oldest tail was applied at this time or before."""
    expired_ms: int
    """One of its rows is from before this time."""


@attrs.frozen
class MergeBounds:
    """Which blocks that are not full are to be merged: those of a GPU and period that reach one of these."""

    rows: int
    blocks: int
    folds_later: int
    """As many blocks of later periods are newer than its own."""


@attrs.frozen
class Expired:
    """What was removed for its age."""

    row_count: int
    gpus: frozenset[int]
    """Those that may have no row left."""


# --- reading ---------------------------------------------------------------------------------------


class Moment(ABC):
    """What the tables hold at one moment."""

    @abstractmethod
    def topic(self) -> tuple[str, str] | None:
        """Name and id of the topic that is followed; None before the first step."""

    @abstractmethod
    def next_offsets(self) -> dict[int, int]:
        """The checkpoints, by partition."""

    @abstractmethod
    def checkpoints(self) -> list[Checkpoint]:
        """In the order of their partitions."""

    @abstractmethod
    def origins(self) -> Mapping[int, Mapping[str, Origin]]:
        """The last origins that were applied: by partition, then by source."""

    @abstractmethod
    def gaps(self) -> list[Gap]:
        """In the order of partition and offset."""

    @abstractmethod
    def refused_log(self) -> RefusedLog | None:
        """The note of another log, if there is one."""

    @abstractmethod
    def gpu_number(self, gpu_id: str) -> int | None:
        """The number of a GPU; None where it has never been seen. `gpu_id` is text that UTF-8 has."""

    @abstractmethod
    def gpus_from(self, number: int) -> list[str]:
        """The ids of the GPUs from this number on, in the order of their numbers."""

    @abstractmethod
    def metrics(self) -> list[Metric]:
        """All of them, in the order of their numbers."""

    @abstractmethod
    def label_set_texts(self, numbers: Sequence[int]) -> Mapping[int, str]:
        """The texts of these label sets, by number; what is missing is left out."""

    @abstractmethod
    def sources(self, gpu: int, start_ms: int, end_ms: int) -> Iterator[Source]:
        """What may have rows of the GPU from within these times, both inclusive.

        Its blocks, and the tails of its shelf, in the order of their first times. No block spans more than
        `BLOCK_SPAN_MS_MAX`. Few of them may be asked for, and each one's blob right after it.
        """

    @abstractmethod
    def blob(self, source: Source) -> bytes:
        """What a tail or a block holds."""

    @abstractmethod
    def log_sources(self, gpu: int, starts: AsOf) -> list[LogSource]:
        """Blocks with rows of the GPU that are of these partitions, from these offsets on, in any order.

        Those of several partitions are among them, each once, where their last offset reaches the least of
        the starts.
        """

    @abstractmethod
    def tail_ids(self, shelf: int | None) -> list[int]:
        """Of a shelf's tails, or of all; an id is never given twice."""

    @abstractmethod
    def tail_blobs(self, ids: Sequence[int]) -> Mapping[int, bytes]:
        """What these tails hold."""

    @abstractmethod
    def block_blob(self, number: int) -> bytes:
        """What a block holds."""

    @abstractmethod
    def racks(self, *, rack: int | None = None, metric: int | None = None) -> Iterable[Rack]:
        """Latest values: of all, of one rack, or of one metric."""


class Maintained(Moment):
    """The same, and what there is to be done in the background."""

    @abstractmethod
    def has_expired(self, before_ms: int) -> bool:
        """Whether `Transaction.expire` would remove something."""

    @abstractmethod
    def shelf_with_small_tails(self, small_rows: int, tails: int) -> int | None:
        """A shelf with as many tails of fewer rows."""

    @abstractmethod
    def shelf_to_fold(self, bounds: FoldBounds) -> int | None:
        """A shelf whose tails reach one of the bounds."""

    @abstractmethod
    def young(self, bounds: MergeBounds) -> list[Young]:
        """Blocks to be merged, those whose period is not over first, up to some hundred."""

    @abstractmethod
    def tails_of(self, shelf: int) -> Iterator[StoredTail]:
        """A shelf's tails in the order of their ids, read as they are asked for."""

    @abstractmethod
    def young_blocks(self, gpu: int, period: int) -> list[StoredBlock]:
        """The blocks of a GPU and a period that are not full, in the order of their ids."""


# --- writing ---------------------------------------------------------------------------------------


class Transaction(Moment):
    """What is written is kept as a whole and durably, or not at all."""

    # --- how far the log was applied ---

    @abstractmethod
    def claim(self, partitions: Sequence[int]) -> dict[int, int]:
        """The checkpoints of these partitions; until the end nobody else can move them, nor make them.

        Partitions without a checkpoint are left out.
        """

    @abstractmethod
    def follow(self, topic: str, topic_id: str) -> None:
        """Say which topic is followed, where none was; another one's saying so is no error."""

    @abstractmethod
    def advance(self, steps: Sequence[Step], newest_ms: Mapping[int, int]) -> None:
        """Move or make checkpoints, keep origins and gaps, and forget a refused log.

        Args:
            steps: of partitions that were claimed.
            newest_ms: the greatest observed time of each partition's rows; a checkpoint's never goes back.
        """

    @abstractmethod
    def note_refused_log(self, refused: RefusedLog) -> None:
        """In the place of an earlier note."""

    # --- dictionaries ---

    @abstractmethod
    def number_gpus(self, gpu_ids: Sequence[str]) -> list[int]:
        """The numbers of these GPUs; those that have none are given the next ones."""

    @abstractmethod
    def number_label_sets(self, texts: Sequence[str]) -> list[int]:
        """The numbers of the label sets with these texts, in the same way."""

    @abstractmethod
    def number_metrics(self, metrics: Sequence[Metric]) -> list[int]:
        """The numbers of the metrics of these names; what is described otherwise is described anew."""

    # --- rows ---

    @abstractmethod
    def add_tails(self, tails: Sequence[NewTail]) -> None:
        """Store them."""

    @abstractmethod
    def add_blocks(self, blocks: Sequence[NewBlock]) -> None:
        """Store them."""

    @abstractmethod
    def remove_tails(self, ids: Sequence[int]) -> None:
        """Remove all of them; raises PlaceTakenError where one is not there."""

    @abstractmethod
    def remove_young_blocks(self, ids: Sequence[int]) -> None:
        """The same for blocks that are not full."""

    @abstractmethod
    def claim_racks(self, keys: Sequence[tuple[int, int]]) -> list[bytes]:
        """The latest values of these (metric, rack), empty where there are none; nobody else can change them.

        It comes after `claim` and after numbers are given, so that no two transactions wait for each other.
        """

    @abstractmethod
    def put_racks(self, racks: Sequence[Rack]) -> None:
        """Store them in place of what is there; those without data are removed."""

    # --- retention ---

    @abstractmethod
    def expire(self, before_ms: int) -> Expired:
        """Remove some tails and blocks that hold nothing but rows from before that time."""

    @abstractmethod
    def claim_all_racks(self, rack: int) -> list[Rack]:
        """As `claim_racks`, for all metrics of a rack."""

    @abstractmethod
    def first_block_ms(self, gpu: int) -> int | None:
        """The first time of a GPU's blocks."""

    @abstractmethod
    def tail_blobs_before(self, shelf: int, before_ms: int) -> Iterator[bytes]:
        """The tails of a shelf with rows from before that time."""
