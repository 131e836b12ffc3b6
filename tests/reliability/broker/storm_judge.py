"""Who was told what in a rebalance storm, and when.

A commit stands for a write by the owner of its partitions. Each call has a moment at which it began and one
at which its answer came, and only what must follow from these is demanded: a slow machine accuses nobody.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import attrs

from eventlog.protocol.error_codes import ErrorCode
from tests.eventlog.broker.wire import WireClient
from tests.reliability.broker.members import Member

Standing = tuple[int, int]
"""Which broker, by number, and which generation of its group: it only grows."""


@attrs.define(eq=False)
class Write:
    """One commit: by whom in what standing, of which values, and from when to when."""

    member_id: str
    standing: Standing
    values: dict[int, int]
    began: int
    ended: int = 0
    """The moment of its answer, or of the death that left it without one."""


@attrs.define(eq=False)
class Judge:
    """Who owned what, who wrote what, and whether that may be."""

    topic: str
    moments: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))
    owners: dict[Standing, dict[int, str]] = attrs.field(factory=dict)
    accepted: list[Write] = attrs.field(factory=list)
    unanswered: list[Write] = attrs.field(factory=list)
    """The broker died meanwhile: they may count, or not."""
    refused: Counter[ErrorCode] = attrs.field(factory=Counter)
    newest: Standing = (0, 0)
    """The highest standing of a write whose acceptance has been answered."""
    zombies: int = 0
    """How many writes began when a higher standing had been written in, and were refused."""

    def assigned(self, member: Member, life: int) -> None:
        """A member was told its partitions: nobody else was told one of them in this generation."""
        owners = self.owners.setdefault((life, member.generation), {})
        for partition in member.partitions:
            owner = owners.setdefault(partition, member.member_id)
            assert owner == member.member_id, (
                f"two own partition {partition} in generation {member.generation}"
            )

    async def write(self, client: WireClient, member: Member, life: int) -> ErrorCode:
        """Let a member write in all its partitions, in the standing that it believes to have."""
        began, newest = next(self.moments), self.newest
        write = Write(
            member.member_id, (life, member.generation), dict.fromkeys(member.partitions, began), began
        )
        try:
            code = await member.commit(client, self.topic, write.values)
        except BaseException:
            self.unanswered.append(write)
            raise
        finally:
            write.ended = next(self.moments)
        if code is ErrorCode.NONE:
            assert write.standing >= newest, (
                f"{write.member_id} wrote in {write.standing}, after another had in {newest}"
            )
            self.accepted.append(write)
            self.newest = max(self.newest, write.standing)
        else:
            self.refused[code] += 1
            self.zombies += write.standing < newest
        return code

    def check_committed(self, found: list[int]) -> None:
        """What is committed was accepted, and not before another acceptance began."""
        for partition, value in enumerate(found):
            accepted = [write for write in self.accepted if partition in write.values]
            possible = [
                write for write in [*accepted, *self.unanswered] if value == write.values.get(partition)
            ]
            assert possible or value == -1, f"partition {partition}: {value} is committed, and was refused"
            ended = possible[0].ended if possible else 0
            lost = [write.began for write in accepted if write.began > ended]
            assert not lost, f"partition {partition}: {value} is committed; lost are the later {lost}"
