"""Dead letters as `gputail dlq` shows them: lines for people, objects for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from eventlog.inspect.content import BytesFormat, content
from eventlog.inspect.units import count, rfc3339, size, time_or_dash
from eventlog.remote.tail.line import record_object
from ingest.dlq_letter import Letter
from ingest.dlq_replay import Replayed
from ingest.dlq_verdict import State, Verdict

_ROW: Final = "{:>8}  {:<24}  {:<26}  {:>9}  {:<8}  {}"
HEADING: Final = _ROW.format("offset", "time", "from", "size", "now", "why").rstrip()
DUMP_BYTES: Final = 16
"""Of a value that is no JSON, in one line."""
_MEANS: Final = {
    State.DECODES: "can be replayed",
    State.POISON: "still poison",
    State.REPLAYED: "replayed before",
    State.AGAIN: "second letters of a record",
    State.CUT: "cut, cannot be replayed",
    State.FOREIGN: "of another topic",
}


# --- lines ---------------------------------------------------------------------------------------


def line(verdict: Verdict, why: str) -> str:
    """One letter in one line."""
    letter = verdict.letter
    return _ROW.format(
        letter.record.offset,
        time_or_dash(letter.record.timestamp_ms),
        _plain(str(letter.source or "-")),
        size(letter.key_bytes + letter.value_bytes),
        verdict.state.value,
        _plain(why),
    ).rstrip()


def whole(verdict: Verdict) -> Iterator[str]:
    """All of one letter."""
    letter = verdict.letter
    record, source = letter.record, letter.source
    now = verdict.state.value + (f": {verdict.reason}" if verdict.reason else "")
    yield f"offset   {record.offset}"
    yield f"time     {time_or_dash(record.timestamp_ms)}"
    yield f"from     {'-' if source is None else _plain(f'{source}, topic id {source.topic_id}')}"
    yield f"why      {_plain(letter.reason)}"
    yield f"now      {_plain(now)}"
    yield f"key      {content(record.key, BytesFormat.HEX)}"
    yield "headers"
    for name, value in record.headers:
        yield f"  {_plain(name)} = {content(value, BytesFormat.HEX)}"
    yield f"value, {size(letter.value_bytes)}{_shown_of(letter)}"
    yield from (f"  {text}" for text in _value(record.value or b""))


def plan(counts: Mapping[State, int]) -> Iterator[str]:
    """What a replay would do, after the letters."""
    yield from _counted(counts)
    yield "dry run: nothing was published; --execute publishes those that decode"


def replayed(done: Replayed) -> Iterator[str]:
    """What a replay has done."""
    yield f"published {count(done.published, 'letter')}"
    if done.finished:
        yield f"published {count(done.finished, 'letter')} of an interrupted run again; views take each once"
    yield from _counted(done.left)


def _counted(counts: Mapping[State, int]) -> Iterator[str]:
    for state in State:
        if counts.get(state):
            yield f"{_MEANS[state]}: {counts[state]:,}"


def _shown_of(letter: Letter) -> str:
    here = len(letter.record.value or b"")
    return f", of which the first {size(here)} are here" if here < letter.value_bytes else ""


def _value(data: bytes) -> Iterator[str]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        for start in range(0, len(data), DUMP_BYTES):
            part = data[start : start + DUMP_BYTES]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            yield f"{start:08x}  {part.hex(' '):<{DUMP_BYTES * 3 - 1}}  {text}"
    else:
        yield from json.dumps(told, indent=2).splitlines()


def _plain(text: str) -> str:
    return str(content(text.encode(errors="replace"), BytesFormat.HEX))


# --- objects -------------------------------------------------------------------------------------


def letter_object(verdict: Verdict) -> dict[str, Any]:
    """One letter, without its content."""
    letter = verdict.letter
    record, source = letter.record, letter.source
    return {
        "type": "letter",
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": rfc3339(record.timestamp_ms),
        "timestamp_ms": record.timestamp_ms,
        "from": source
        and {
            "topic": source.topic,
            "topic_id": source.topic_id,
            "partition": source.partition,
            "offset": source.offset,
        },
        "key_bytes": letter.key_bytes,
        "value_bytes": letter.value_bytes,
        "reason": letter.reason,
        "now": verdict.state.value,
        "now_reason": verdict.reason,
    }


def whole_object(verdict: Verdict) -> dict[str, Any]:
    """One letter, with the record that it is, as `gputail tail --json` shows it."""
    return letter_object(verdict) | {"record": record_object(verdict.letter.record, BytesFormat.HEX)}


def plan_object(counts: Mapping[State, int]) -> dict[str, Any]:
    """What a replay would do."""
    return {"type": "plan", **{state.value: counts.get(state, 0) for state in State}}


def replayed_object(done: Replayed) -> dict[str, Any]:
    """What a replay has done."""
    left = {state.value: done.left.get(state, 0) for state in State if state is not State.DECODES}
    return {"type": "replayed", "published": done.published, "finished": done.finished, **left}
