"""What a command met on its way, and what it failed at: its exit code follows from that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from eventlog.errors import EventLogError
from eventlog.inspect.findings import Finding, Severity, exit_code, gravest
from eventlog.inspect.inspector import Inspector
from eventlog.inspect.partition import Partition, PartitionPlace
from eventlog.inspect.target import Target

T = TypeVar("T")


class Tally:
    """One command's; what fails is counted, and the rest is still looked at."""

    def __init__(self) -> None:
        self._failures: list[str] = []
        self._severities: set[Severity] = set()

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return exit_code(self._severities)

    @property
    def verdict(self) -> str:
        """The gravest of what was met; notes are fine."""
        decisive = gravest(self._severities - {Severity.NOTE})
        return "fine" if decisive is None else decisive.value

    @property
    def failure(self) -> str | None:
        """What failed, in one line; None where nothing did."""
        if not self._failures:
            return None
        more = f" (and {len(self._failures) - 1} more)" if len(self._failures) > 1 else ""
        return self._failures[0] + more

    def met(self, severity: Severity | None) -> None:
        """Something was found; None is nothing."""
        if severity is not None:
            self._severities.add(severity)

    def failed(self, text: str) -> None:
        """Something could not be looked at."""
        self._failures.append(text)
        self._severities.add(Severity.FAILED)

    def problems(self, findings: Iterable[Finding]) -> None:
        """Findings about metadata, where they are not reported as data."""
        for finding in findings:
            if finding.severity in {Severity.FAILED, Severity.CORRUPTION}:
                self.failed(finding.text)

    def guarded(self, items: Iterable[T]) -> Iterator[T]:
        """The items, up to where reading fails: that is one failure, and the rest of the work goes on."""
        iterator = iter(items)
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                return
            except EventLogError as error:
                self.failed(str(error))
                return
            except OSError as error:
                self.failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
                return
            yield item

    def partitions(self, inspector: Inspector, target: Target) -> Iterator[Partition]:
        """What the target holds, looked at one by one."""
        if target.survey is not None:
            self.problems(target.survey.all_findings)
        if target.log is not None:
            yield target.log
        for place in target.places:
            yield from self.look(inspector, place, with_plan=True)

    def look(
        self, inspector: Inspector, place: PartitionPlace, *, with_plan: bool = False
    ) -> Iterator[Partition]:
        """One partition, or none where it cannot be looked at, or is deleted while a broker runs."""

        def looked() -> Iterator[Partition]:
            try:
                yield inspector.look(place, with_plan=with_plan)
            except FileNotFoundError:
                if not place.is_live:
                    raise

        return self.guarded(looked())
