"""Every kind of damage: `verify` says so, `dump` goes on past it, and nothing is changed."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from eventlog.errors import EventLogError
from eventlog.inspect.findings import exit_code
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.verify import verify_place
from eventlog.record import Record, decode_batch, encode_batch
from eventlog.record.header import BatchHeader
from eventlog.storage.disk import PosixDisk
from eventlog.storage.log_directory import LogDirectory
from eventlog.storage.settings import LogSettings, TopicSettings
from tests.eventlog.inspect.written import (
    SETTINGS,
    START_MS,
    TOPIC,
    Said,
    batch,
    batches,
    digest,
    flip,
    log,
    segments,
    write_log,
)
from tests.reliability.manual_clock import ManualClock

Change = Callable[[Path], object]


def verified(path: Path) -> Said:
    """What `verify` says, which leaves everything as it was."""
    before = digest(path)
    said = log("verify", "--data-dir", path, "--json", "--explain")
    assert before == digest(path)
    return said


def severities(said: Said) -> set[str]:
    return {finding["severity"] for finding in said.of_type("finding")}


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def append(path: Path, data: bytes) -> None:
    path.write_bytes(path.read_bytes() + data)


def spoil_both_slots(folder: Path) -> None:
    flip(folder / "state", 20)
    flip(folder / "state", 532)


CHANGES: dict[str, tuple[Change, int, str]] = {
    "nothing": (lambda f: None, 0, ""),
    "body": (lambda f: flip(segments(f)[0], 100), 4, "the checksum does not match"),
    "base offset": (lambda f: flip(segments(f)[0], 7), 4, "the base offset is not the one expected"),
    "leader epoch": (lambda f: flip(segments(f)[0], 15), 4, "the leader epoch is not 0"),
    "magic": (lambda f: flip(segments(f)[0], 16), 4, "no record batch of format 2"),
    "length": (lambda f: flip(segments(f)[0], 8, 0x80), 4, "the record count is impossible"),
    "sealed end cut": (lambda f: cut(segments(f)[0], 800), 4, "the batch is cut short"),
    "end cut": (lambda f: cut(segments(f)[-1], 100), 4, "the batch is cut short"),
    "last batch cut": (lambda f: cut(segments(f)[-1], 0), 4, "are not in any segment"),
    "first segment gone": (lambda f: segments(f)[0].unlink(), 4, "are not in any segment"),
    "segment gone": (lambda f: segments(f)[1].unlink(), 4, "are not in any segment"),
    "last segment gone": (lambda f: segments(f)[-1].unlink(), 4, "are not in any segment"),
    "all segments gone": (lambda f: deque(map(Path.unlink, segments(f))), 4, "are not in any segment"),
    "folder gone": (shutil.rmtree, 4, "folder is missing"),
    "state damaged": (spoil_both_slots, 4, "nothing says how far"),
    "state gone": (lambda f: (f / "state").unlink(), 4, "nothing says how far"),
    "topic.json": (lambda f: flip(f.parent / "topic.json", 60), 4, "does not match its checksum"),
    "meta.json": (lambda f: flip(f.parents[2] / "meta.json", 20), 4, "does not match its checksum"),
    "zeros at the end": (lambda f: append(segments(f)[-1], bytes(500)), 3, "no record batch of format 2"),
    "half a batch": (lambda f: append(segments(f)[-1], bytes(batch(60)[:90])), 3, "the base offset is not"),
    "one slot": (lambda f: flip(f / "state", 20), 0, "the other one counts"),
    "slot padding cut": (lambda f: cut(f / "state", 600), 0, "600 bytes instead of 1024"),
    "index entry": (lambda f: flip(segments(f)[0].with_suffix(".index"), 13), 0, "has a damaged entry"),
    "time entry": (lambda f: flip(segments(f)[0].with_suffix(".timeindex"), 3), 0, "has a damaged entry"),
    "index gone": (lambda f: segments(f)[0].with_suffix(".index").unlink(), 0, "will be rebuilt"),
    "time index gone": (lambda f: segments(f)[0].with_suffix(".timeindex").unlink(), 0, "will be rebuilt"),
    "index short": (lambda f: cut(segments(f)[0].with_suffix(".index"), 12), 0, "lacks 2 entries"),
    "index torn": (lambda f: cut(segments(f)[0].with_suffix(".index"), 20), 0, "ends within an entry"),
    "time index short": (lambda f: cut(segments(f)[0].with_suffix(".timeindex"), 24), 0, "lacks 1 entry"),
    "snapshot": (lambda f: flip(max(f.glob("*.producers")), 5), 0, "takes an older snapshot"),
    "unfinished": (lambda f: (f / "00000000000000000060.producers.tmp").touch(), 0, "never finished"),
    "quarantine": (lambda f: (f.parents[2] / "quarantine").mkdir(), 0, ""),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_verify_says_what_is_damaged(tmp_path: Path, change: str) -> None:
    """The exit code and a finding tell each kind; what is derived from the log is only noted."""
    alter, code, text = CHANGES[change]
    alter(write_log(tmp_path))

    said = verified(tmp_path)

    assert (code, "") == (said.code, said.err)
    assert text in said.out
    assert ({4: "corruption", 3: "torn tail", 0: "note"}[code] in severities(said)) == bool(text)
    assert code == said.objects[-1]["exit_code"]


@pytest.mark.parametrize("change", [name for name, (_, code, _) in CHANGES.items() if code in {3, 4}])
def test_dump_goes_on_past_damage(tmp_path: Path, change: str) -> None:
    """No record is shown that is not there, each that can be read is, and the exit code tells the rest."""
    alter, code, _ = CHANGES[change]
    alter(write_log(tmp_path))

    said = log("dump", "--data-dir", tmp_path, "--json")

    expected = {"folder gone": 1, "state damaged": 0, "state gone": 0, "topic.json": 1, "meta.json": 1}
    assert expected.get(change, code) == said.code
    assert (1 if said.code else 0) == said.err.count("\n")
    offsets = said.offsets()
    assert offsets == sorted(set(offsets))
    assert set(offsets) <= set(range(60))
    assert len(offsets) >= 60 - 3 or "gone" in change or "cut" in change
    for record in said.of_type("record"):
        assert f"value of {record['offset']}" == record["value"]


def test_several_damages_of_a_segment_are_each_found(tmp_path: Path) -> None:
    """Each with its place and its offsets; bad batches that stand side by side are one."""
    folder = write_log(tmp_path, [batch(3 * n) for n in range(20)], TopicSettings(index_interval_bytes=61))
    data = segments(folder)[0].read_bytes()
    size = BatchHeader.parse(data).size_bytes
    for number in (2, 5, 6, 11):
        flip(segments(folder)[0], number * size + 80)

    found = verified(tmp_path).of_type("finding")
    dumped = log("dump", "--data-dir", tmp_path, "--json")

    assert [(6, 9), (15, 21), (33, 36)] == [(f["offset"], f["next_offset"]) for f in found]
    assert [n for n in range(60) if n // 3 not in {2, 5, 6, 11}] == dumped.offsets()
    assert 3 == len(dumped.of_type("damage"))


def test_a_batch_within_a_value_is_never_shown(tmp_path: Path) -> None:
    """Damage to the batch that holds a forged one does not bring the forged one to light."""
    inner = bytes(encode_batch([Record(b"forged", b"forged", (), START_MS)], base_offset=4))
    outer = encode_batch([Record(b"k", inner + b"x" * 50, (), START_MS)])
    folder = write_log(tmp_path, [batch(0), outer, batch(4)], TopicSettings())
    start = BatchHeader.parse(segments(folder)[0].read_bytes()).size_bytes
    for at in (0, 8, 11, 15, 16, 17, 40, 65):
        flip(segments(folder)[0], start + at)
        said = log("dump", "--data-dir", tmp_path, "--json")
        flip(segments(folder)[0], start + at)

        assert [0, 1, 2, 4, 5, 6] == said.offsets()
        assert "forged" not in said.out
        assert [(3, 4)] == [(d["offset"], d["next_offset"]) for d in said.of_type("damage")]


def test_damage_below_the_log_start_is_a_note(tmp_path: Path) -> None:
    """Deleted records cannot be lost."""
    folder = write_log(tmp_path, [batch(3 * n) for n in range(20)], TopicSettings(), start_offset=10)
    flip(segments(folder)[0], 80)

    said = verified(tmp_path)

    assert (0, {"note"}) == (said.code, severities(said))
    assert "below the log start offset" in said.out


def test_explain_says_what_recovery_would_cut(tmp_path: Path) -> None:
    """The plan is recovery's own: what it says happens when the log is opened, and not before."""
    folder = write_log(tmp_path)
    last = segments(folder)[-1]
    size = last.stat().st_size
    append(last, b"torn")

    said = log("verify", "--data-dir", tmp_path, "--explain")

    assert 3 == said.code
    assert f"cut {last.name} at byte {size}, offset 60" in said.out
    assert size + 4 == last.stat().st_size
    assert readable(tmp_path) == {offset: f"value of {offset}".encode() for offset in range(60)}
    assert size == last.stat().st_size
    after = log("verify", "--data-dir", tmp_path)
    assert 0 == after.code
    assert "1 files, 4 bytes, were set aside" in after.out


def test_what_was_not_flushed_but_is_whole_is_kept(tmp_path: Path) -> None:
    """Good batches past the recovery point are no torn tail."""
    folder = write_log(tmp_path)
    more = batch(60)
    more[:8] = (60).to_bytes(8, "big")
    append(segments(folder)[-1], bytes(more))

    said = verified(tmp_path)
    dumped = log("dump", "--data-dir", tmp_path, "--json", "--from", "60", "--headers-only")

    assert (0, {"note"}) == (said.code, severities(said))
    assert "3 records past the recovery point are whole" in said.out
    assert ["not known to be flushed"] == [b["standing"] for b in dumped.of_type("batch")]


def test_records_that_nobody_can_decode_are_named(tmp_path: Path) -> None:
    """A batch whose producer wrote nonsense is whole, is shown by its header, and is passed over."""
    from tests.eventlog.record.forge import forge

    folder = write_log(tmp_path, [batch(0), bytearray(forge(b"nonsense")), batch(4)], TopicSettings())

    said = log("dump", folder, "--json")
    plain = log("dump", folder)

    assert (0, [0, 1, 2, 4, 5, 6]) == (said.code, said.offsets())
    assert [3] == [u["offset"] for u in said.of_type("undecodable")]
    assert "the records cannot be decoded: " in plain.out
    assert 0 == log("verify", folder).code


# --- the property: fine means that nothing is lost ---------------------------------------------


def readable(path: Path) -> dict[int, bytes | None]:
    """Every record that a fresh start of the log can read."""

    async def read() -> dict[int, bytes | None]:
        disk, found = PosixDisk(), {}
        try:
            clock = ManualClock(START_MS + 3_600_000)
            opened = await LogDirectory.open(
                path, disk=disk, clock=clock, settings=LogSettings(free_bytes_min=0)
            )
            partition = opened.partition(TOPIC, 0)
            offset = partition.log_start_offset
            while data := await partition.read_bytes(offset, 1):
                for record in decode_batch(data):
                    found[record.offset] = record.value
                offset = BatchHeader.parse(data).next_offset
            await opened.close()
        finally:
            disk.close()
        return found

    return asyncio.run(read())


@pytest.mark.parametrize("way", ["flip", "cut"])
def test_verify_is_fine_only_if_nothing_is_lost(tmp_path: Path, way: str, seed: int) -> None:
    """Any bit of any file flipped, any file cut anywhere: 0 only if every record can still be read."""
    random = Random(seed)
    original, copy = tmp_path / "original", tmp_path / "copy"
    write_log(original, batches(9), SETTINGS)
    expected = readable(original)
    files = [p for p in sorted(original.rglob("*")) if p.is_file() and p.stat().st_size and p.name != "lock"]
    fine = 0
    with Inspector() as inspector:
        for number in range(64):
            file = files[number % len(files)]
            at = random.randrange(file.stat().st_size)
            shutil.copytree(original, copy)
            target = copy / file.relative_to(original)
            flip(target, at, 1 << random.randrange(8)) if way == "flip" else cut(target, at)
            before = digest(copy)
            code = verdict(inspector, copy)
            assert before == digest(copy)
            if code == 0:
                fine += 1
                assert expected == readable(copy), f"{way} {target.name} at {at}"
            if file.suffix == ".log":
                assert 4 == code, f"{way} {target.name} at {at}"
            elif file.suffix:
                assert code == 0 or file.suffix == ".json", f"{way} {target.name} at {at}"
            shutil.rmtree(copy)
    assert fine >= 32


def verdict(inspector: Inspector, path: Path) -> int:
    """The exit code of `verify`."""
    try:
        survey = inspector.survey(path)
    except EventLogError:
        return 1
    findings = survey.all_findings
    for place in survey.partitions:
        findings += verify_place(inspector, place).findings
    return exit_code(finding.severity for finding in findings)
