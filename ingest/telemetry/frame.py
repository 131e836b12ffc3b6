"""Reading events fast: what every record needs is decoded, what repeats from record to record stays raw.

The layout is codec.py's. A frame's `gpu`, `workload` and `labels` have only been skipped over: nothing is
known to be right until `surroundings` has decoded them. They are the same in thousands of records, so a
reader decodes them once and keeps the result under `frame.surroundings_key`:

    frame = codec.frame(value)
    around = known.get(key := frame.surroundings_key) or known.setdefault(key, surroundings(frame))

Faster still, an event is cut where its values begin, and only what comes after is decoded:

    head, _, rest = value.rpartition(SEAM)

`{"v":1,"gpu":…,"labels":…` is a head; `has_head` says so where nothing is left open and it has the event's
surroundings. Then the cut went between two members, and the rest of an event with the same head, decoded by
`decode_rest(REST + rest)`, has all others and no further surroundings. Where it cannot be, `frame` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeVar

import attrs
import cattrs
import msgspec
from cattrs import SimpleStructureHook
from cattrs.gen import make_dict_structure_fn, override
from msgspec import Meta, Raw

from ingest.errors import PoisonRecordError
from ingest.telemetry.fields import shorten
from ingest.telemetry.limits import (
    COUNT_MAX,
    FIELD_NAME_CHARS_MAX,
    GPU_ID,
    GPU_INDEX_MAX,
    INT_MAX,
    INT_MIN,
    LABEL_NAME_CHARS_MAX,
    LABELS_MAX,
    TEXT_CHARS_MAX,
    VALUES_MAX,
)
from ingest.telemetry.model import GPU, Workload

VERSION = 1

_Part = TypeVar("_Part", GPU, Workload)

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
FieldName = Annotated[str, Meta(min_length=1, max_length=FIELD_NAME_CHARS_MAX)]
Number = Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)] | float | None


class OriginFrame(msgspec.Struct, frozen=True, gc=False):
    """The `origin` of an event."""

    source: Annotated[str, Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
    pass_number: Count = msgspec.field(name="pass")
    row: Count


class EventFrame(msgspec.Struct, frozen=True, gc=False):
    """An event of version 1 with its surroundings still raw: views into the record's value, not copies."""

    v: Literal[1]
    gpu: Raw
    values: Annotated[dict[FieldName, Number], Meta(min_length=1, max_length=VALUES_MAX)]
    observed_at: Count
    """Milliseconds since 1970."""
    origin: OriginFrame
    workload: Raw = Raw(b"{}")
    labels: Raw = Raw(b"{}")

    @property
    def surroundings_key(self) -> bytes:
        """The same bytes, the same surroundings: three JSON objects in a row can be split in one way."""
        return b"".join((self.gpu, self.workload, self.labels))

    def has_head(self, head: bytes) -> bool:
        """Whether these bytes are the members before the event's values, its surroundings among them."""
        try:
            found = _decode_head(head + b"}")
        except (ValueError, RecursionError):
            return False
        return b"".join((found.gpu, found.workload, found.labels)) == self.surroundings_key


class Rest(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What comes after the head of an event; the fields are those of an `EventFrame`."""

    values: Annotated[dict[FieldName, Number], Meta(min_length=1, max_length=VALUES_MAX)]
    observed_at: Count
    origin: OriginFrame


class _Head(msgspec.Struct, forbid_unknown_fields=True):
    v: Literal[1]
    gpu: Raw
    workload: Raw = Raw(b"{}")
    labels: Raw = Raw(b"{}")


@attrs.frozen
class Surroundings:
    """What stands around the values of an event."""

    gpu: GPU
    workload: Workload
    labels: Mapping[str, str]


SEAM: Final = b',"values":'
REST: Final = b'{"values":'

_decode_frame = msgspec.json.Decoder(EventFrame).decode
_decode_head = msgspec.json.Decoder(_Head).decode
decode_rest = msgspec.json.Decoder(Rest).decode
"""The rest of an event whose head is known; a ValueError or RecursionError leaves it to `frame`."""


def frame(value: bytes) -> EventFrame:
    """The value of a record as a frame.

    Raises:
        PoisonRecordError: it is no event that this version can read.
    """
    try:
        return _decode_frame(value)
    except (ValueError, RecursionError) as error:
        raise PoisonRecordError(_reason(value, error)) from None


def surroundings(frame: EventFrame) -> Surroundings:
    """The raw parts of a frame, decoded and checked.

    Raises:
        PoisonRecordError: they are not what an event has there.
    """
    try:
        return Surroundings(
            gpu=_structure(GPU, msgspec.json.decode(frame.gpu)),
            workload=_structure(Workload, msgspec.json.decode(frame.workload)),
            labels=_structure_labels(msgspec.json.decode(frame.labels)),
        )
    except (ValueError, RecursionError) as error:
        raise PoisonRecordError(f"the record is no event: {_line(error)}") from None


# --- what is wrong with it ---------------------------------------------------------------------------


class _Versioned(msgspec.Struct):
    v: int


def _reason(value: bytes, error: Exception) -> str:
    """Why a value is refused: the version goes first, as a newer one may differ in anything else."""
    try:
        version = msgspec.json.decode(value, type=_Versioned).v
    except (ValueError, RecursionError):
        version = VERSION
    if version > VERSION:
        return (
            f"the record is an event of version {version}, and this program reads {VERSION}: use a newer one"
        )
    return f"the record is no event: {_line(error)}"


def _line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return " ".join(str(error).split())


# --- surroundings: nothing is converted, so that encoding them again gives the same --------------------


def _structure_text(value: object, chars_min: int = 0, chars_max: int = TEXT_CHARS_MAX) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} stands where a text should")
    if not chars_min <= len(value) <= chars_max:
        raise ValueError(f"a text has {len(value)} characters: {chars_min} to {chars_max} are right")
    return value


def _structure_gpu_id(value: object, _: object) -> str:
    text = _structure_text(value)
    if GPU_ID.fullmatch(text) is None:
        raise ValueError(f"the uuid {shorten(text)} is none: it has to match {GPU_ID.pattern}")
    return text


def _structure_index(value: object, _: object) -> int | None:
    # True is an int to Python, and no index.
    if value is None or (type(value) is int and 0 <= value <= GPU_INDEX_MAX):
        return value
    raise ValueError(f"the GPU's index is no whole number from 0 to {GPU_INDEX_MAX}")


def _structure_labels(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("its labels are no JSON object")
    if len(value) > LABELS_MAX:
        raise ValueError(f"it has {len(value)} labels: {LABELS_MAX} are the most")
    return {
        _structure_text(name, 1, LABEL_NAME_CHARS_MAX): _structure_text(text) for name, text in value.items()
    }


def _structure(cls: type[_Part], value: object) -> _Part:
    """A part that is an object; one whose keys are not known is as good."""
    if not isinstance(value, dict):
        raise ValueError(f"its {cls.__name__} is no JSON object")
    try:
        return _converter.structure(value, cls)
    except KeyError as missing:
        raise ValueError(f"its {cls.__name__} has no {missing.args[0]}") from None


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(str, lambda value, _: _structure_text(value))
    structure_gpu: SimpleStructureHook[Mapping[str, object], GPU] = make_dict_structure_fn(
        GPU,
        converter,
        _cattrs_detailed_validation=False,
        uuid=override(struct_hook=_structure_gpu_id),
        index=override(struct_hook=_structure_index),
    )
    converter.register_structure_hook(GPU, structure_gpu)
    return converter


_converter = _make_converter()
