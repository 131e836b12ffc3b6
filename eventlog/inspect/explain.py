"""What the next start would do with a partition, from the plan that recovery itself would follow."""

from __future__ import annotations

import attrs

from eventlog.inspect.partition import Partition
from eventlog.storage.partition_files import SNAPSHOT_SUFFIX
from eventlog.storage.recovery import RecoveryPlan, TornTail
from eventlog.storage.segment import LOG_SUFFIX, file_name


@attrs.frozen
class Explanation:
    """The steps of the next start, in words; none where it has nothing to do."""

    steps: tuple[str, ...]
    end_offset: int | None
    torn_tail: TornTail | None = None


def explain(partition: Partition | None) -> Explanation:
    """What recovery would do; it has not been done."""
    if partition is None or partition.is_lone_file:
        return Explanation(("nothing can be said of it",), None)
    plan = partition.plan
    if plan is None:
        return Explanation(("a process is writing: recovery runs when the directory is next opened",), None)
    if plan.is_clean:
        return Explanation((), plan.end_offset)
    return Explanation(tuple(_steps(plan)), plan.end_offset, plan.torn_tail)


def _steps(plan: RecoveryPlan) -> list[str]:
    steps = []
    torn = plan.torn_tail
    if torn is not None:
        steps.append(f"copy {torn.size_bytes} bytes to quarantine, for {torn.kind.value}")
        steps += [f"remove {file_name(base, LOG_SUFFIX)}" for base in reversed(torn.removed_segments)]
        if torn.base_offset not in torn.removed_segments:
            name = file_name(torn.base_offset, LOG_SUFFIX)
            steps.append(f"cut {name} at byte {torn.position}, offset {torn.offset}")
    steps += [f"remove {name}, which was never finished or has no segment" for name in plan.files.leftovers]
    steps += [
        f"remove {file_name(base, LOG_SUFFIX)}, which is below the log start offset {plan.log_start_offset}"
        for base in plan.expired_segments
    ]
    steps += [
        f"remove {file_name(offset, SNAPSHOT_SUFFIX)}, which is ahead of the log"
        for offset in plan.files.snapshot_offsets
        if offset > plan.end_offset
    ]
    if plan.begins_segment:
        steps.append(f"begin {file_name(plan.end_offset, LOG_SUFFIX)}")
    steps.append(f"flush what is kept and note {plan.end_offset} as recovery point")
    return steps
