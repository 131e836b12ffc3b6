"""What `gputail replay` shows: its plan, its progress, its end; for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ingest.replay.part import PartPlan
from ingest.replay.plan import Plan
from ingest.replay.report import Progress, Report

BAR_CHARS: Final = 10


def progress_line(progress: Progress, rate: float) -> str:
    """`[##        ] 25.0% | 14 s left | 210,000 records/s | 1,000 of 4,000 records`."""
    done, total = progress.done_records, progress.total_records
    share = done / total if total else 1.0
    bar = ("#" * int(share * BAR_CHARS)).ljust(BAR_CHARS)
    left = f"{duration((total - done) / rate)} left" if rate > 0 else "waiting for records"
    lap = f" | lap {progress.lap}" if progress.lap > 1 else ""
    return f"[{bar}] {share:.1%} | {left} | {rate:,.0f} records/s | {done:,} of {total:,} records{lap}"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def plan_lines(plan: Plan | PartPlan) -> Iterator[str]:
    """A table of the partitions, and what follows from it."""
    yield f"{'partition':>9}  {'from':>12}  {'to':>12}  {'records':>12}"
    for number, wanted in sorted(plan.ranges.items()):
        yield f"{number:>9}  {wanted.start:>12}  {wanted.end:>12}  {len(wanted):>12}"
    yield f"{plan.record_count:,} records would be read; nothing was changed"
    if isinstance(plan, PartPlan):
        return
    if plan.old is not None:
        yield f"build {plan.old.build.name} is read now, and would be replaced"
    if plan.resumed is not None:
        yield f"build {plan.resumed.name} was begun before, and would be gone on with"
    if plan.is_shorter:
        yield plan.refusal()


def plan_object(plan: Plan | PartPlan) -> dict[str, Any]:
    """The same for programs."""
    found: dict[str, Any] = {
        "type": "replay_plan",
        "topic": plan.topic.name,
        "topic_id": str(plan.topic.topic_id),
        "record_count": plan.record_count,
        "partitions": [
            {"partition": number, "start": wanted.start, "end": wanted.end, "record_count": len(wanted)}
            for number, wanted in sorted(plan.ranges.items())
        ],
    }
    if isinstance(plan, Plan):
        found |= {
            "current": None if plan.old is None else plan.old.build.name,
            "resumed": None if plan.resumed is None else plan.resumed.name,
            "is_another_log": plan.is_another_log,
            "is_shorter": plan.is_shorter,
            "losses": [
                {"partition": each.partition, "first": each.first, "end": each.end} for each in plan.losses
            ],
        }
    return found


def report_lines(report: Report) -> Iterator[str]:
    """What was done, and what to do where it was interrupted."""
    rate = report.records / report.elapsed_s if report.elapsed_s else 0.0
    yield (
        f"{report.records:,} records, {report.samples:,} samples in {report.elapsed_s:.1f} s "
        f"({rate:,.0f} records/s)"
    )
    if report.poison_records:
        yield f"{report.poison_records:,} poison records passed over: they were set aside before"
    if report.gaps:
        yield f"{report.gaps:,} gaps in the log, {report.gap_records:,} offsets"
    if report.is_current:
        yield f"build {report.build} is read from now on{_instead(report)}"
    elif report.build is None:
        yield "interrupted; nothing is left of it"
    else:
        yield (
            f"interrupted; build {report.build} stays beside the one that is read, and the next replay "
            "goes on with it"
        )


def _instead(report: Report) -> str:
    if report.replaced is None:
        return ""
    return f", instead of {report.replaced}, which is {'kept' if report.is_kept else 'gone'}"


def report_object(report: Report) -> dict[str, Any]:
    """The same for programs."""
    return {
        "type": "replay",
        "build": report.build,
        "is_current": report.is_current,
        "replaced": report.replaced,
        "is_kept": report.is_kept,
        "is_resumed": report.is_resumed,
        "laps": report.laps,
        "records": report.records,
        "samples": report.samples,
        "poison_records": report.poison_records,
        "dropped_origins": report.dropped_origins,
        "gaps": report.gaps,
        "gap_records": report.gap_records,
        "elapsed_s": round(report.elapsed_s, 3),
        "next_offsets": {str(number): offset for number, offset in sorted(report.next_offsets.items())},
    }
