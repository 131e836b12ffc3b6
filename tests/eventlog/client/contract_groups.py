"""What every queue must do for groups. A subclass gives the fixture `place`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import takewhile

import pytest

from eventlog.client import GroupListener, MessageQueue, NewRecord, Start, Subscription, TopicPartition
from eventlog.client.errors import StaleGenerationError, UnknownTopicError
from tests.eventlog.client.place import Place
from tests.eventlog.client.watching import WAIT_S, Watcher, read_records, read_until, settled_values, until


async def filled(place: Place, partitions: int, each: int) -> MessageQueue:
    """A queue on a topic with so many records in each partition."""
    queue = place.open()
    await queue.ensure_topic(place.topic, partitions)
    publisher = await queue.publisher(place.topic)
    await publisher.publish(
        [NewRecord(b"%d" % number, partition=p) for p in range(partitions) for number in range(each)]
    ).wait()
    return queue


def is_shared(count: int, *subscriptions: Subscription) -> bool:
    """Whether the partitions are shared out, each to one, and evenly."""
    owned = [at for subscription in subscriptions for at in subscription.assignment]
    sizes = [len(subscription.assignment) for subscription in subscriptions]
    return len(owned) == len(set(owned)) == count and max(sizes) - min(sizes) <= 1


class GroupContract:
    async def test_each_record_comes_once_across_the_group(self, place: Place) -> None:
        """Several publishers, several readers: nothing twice, nothing missing."""
        queues = [place.open() for _ in range(3)]
        await queues[0].ensure_topic(place.topic, 6)
        readers = [await queue.subscribe([place.topic], place.group) for queue in queues]
        await read_until(lambda: is_shared(6, *readers), *readers)
        publishers = [await queue.publisher(place.topic) for queue in queues]
        for number in range(100):
            for who, publisher in enumerate(publishers):
                publisher.publish([NewRecord(b"%d-%d" % (who, number), b"key-%d" % number)])
        found: Counter[bytes | None] = Counter()
        async with asyncio.timeout(WAIT_S):
            while found.total() < 300:
                for reader in readers:
                    found.update(record.value for record in (await reader.poll(timeout_s=0.05)).records)
        for reader in readers:
            found.update(await settled_values(reader, 0.2))
        assert Counter(b"%d-%d" % (who, number) for who in range(3) for number in range(100)) == found
        for queue in queues:
            await queue.close()

    async def test_a_new_member_gets_its_share_and_gives_it_back(self, place: Place) -> None:
        """The hooks tell what moves; who leaves is replaced, and nobody waits for the end of its session."""
        queue = await filled(place, 4, 1)
        first, second = Watcher(), Watcher()
        old = await queue.subscribe([place.topic], place.group, first)
        await read_until(lambda: len(old.assignment) == 4, old)
        assert [("assigned", (0, 1, 2, 3))] == first.told
        new = await queue.subscribe([place.topic], place.group, second)
        await read_until(lambda: is_shared(4, old, new), old, new)
        moved = tuple(sorted(at.partition for at in new.assignment))
        assert [("revoked", moved)] == first.told[1:]
        assert [("assigned", moved)] == second.told
        await new.close()
        assert [("revoked", moved)] == second.told[1:]
        await read_until(lambda: len(old.assignment) == 4, old)
        assert [("assigned", moved)] == first.told[2:]
        await queue.close()

    async def test_the_hook_says_where_to_begin(self, place: Place) -> None:
        """Its answer counts before the first record, also against a committed offset."""
        queue = await filled(place, 2, 5)
        committing = await queue.subscribe([place.topic], place.group)
        await read_records(committing, 10)
        await committing.commit({place.at(0): 4, place.at(1): 4})
        await committing.close()
        reader = await queue.subscribe([place.topic], place.group, Watcher({place.at(0): 2}))
        found = await read_records(reader, 4)
        assert [(0, 2), (0, 3), (0, 4), (1, 4)] == sorted((r.partition, r.offset) for r in found)
        await queue.close()

    async def test_a_committed_offset_is_where_the_group_goes_on(self, place: Place) -> None:
        """It outlives the member that stored it, and lag is counted from it."""
        queue = await filled(place, 1, 10)
        first = await queue.subscribe([place.topic], place.group)
        await read_records(first, 10)
        await first.commit({place.at(0): 7})
        assert {place.at(0): 7} == await queue.committed(place.group)
        assert {place.at(0): 3} == await queue.lag(place.group)
        await first.close()
        second = await queue.subscribe([place.topic], place.group)
        assert [7, 8, 9] == [record.offset for record in await read_records(second, 3)]
        await queue.close()

    async def test_without_a_committed_offset_the_start_counts(self, place: Place) -> None:
        """`LATEST` skips what is there, `EARLIEST` reads it."""
        queue = await filled(place, 1, 3)
        latest = await queue.subscribe([place.topic], place.group, start=Start.LATEST)
        await read_until(lambda: len(latest.assignment) == 1, latest)
        assert [] == await settled_values(latest, 0.5)
        earliest = await queue.subscribe([place.topic], f"{place.group}-2")
        assert [0, 1, 2] == [record.offset for record in await read_records(earliest, 3)]
        assert {} == await queue.committed(place.group)
        await queue.close()

    async def test_a_commit_while_partitions_are_revoked_counts(self, place: Place) -> None:
        """Until the hook returns they are ours; the next owner begins where we ended."""
        queue = await filled(place, 2, 10)
        subscriptions: list[Subscription] = []

        class Committer(GroupListener):
            async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
                await subscriptions[0].commit(dict.fromkeys(partitions, 6))

        subscriptions.append(await queue.subscribe([place.topic], place.group, Committer()))
        await read_records(subscriptions[0], 20)
        next_owner = await queue.subscribe([place.topic], place.group)
        await read_until(lambda: is_shared(2, subscriptions[0], next_owner), subscriptions[0], next_owner)
        (at,) = next_owner.assignment
        assert {at: 6} == await queue.committed(place.group)
        await subscriptions[0].close()
        assert dict.fromkeys([place.at(0), place.at(1)], 6) == await queue.committed(place.group)
        await queue.close()

    async def test_a_stalled_member_loses_its_partitions_and_cannot_commit(self, place: Place) -> None:
        """Its commit is refused, its next poll tells what it lost, and then it takes part again."""
        queue = await filled(place, 2, 3)
        stalled_told, other_told = Watcher(), Watcher()
        stalled = await queue.subscribe([place.topic], place.group, stalled_told, poll_interval_s_max=1.0)
        await read_records(stalled, 6)
        other = await queue.subscribe([place.topic], place.group, other_told)
        await read_until(lambda: len(other.assignment) == 2, other)
        with pytest.raises(StaleGenerationError):
            await stalled.commit({place.at(0): 3})
        assert {} == await queue.committed(place.group)
        await other.commit({place.at(0): 1})
        await read_until(lambda: is_shared(2, stalled, other), stalled, other)
        told = iter(stalled_told.told)
        assert ("assigned", (0, 1)) == next(told)
        lost = list(takewhile(lambda each: each[0] != "assigned", told))
        assert {"lost"} == {what for what, _ in lost}
        assert [0, 1] == sorted(partition for _, partitions in lost for partition in partitions)
        assert {place.at(0): 1} == await queue.committed(place.group)
        await queue.close()

    async def test_a_failing_hook_stops_the_reader(self, place: Place) -> None:
        """No record comes of a partition whose start nobody could tell; each poll says why."""
        queue = await filled(place, 1, 3)

        class Failing(GroupListener):
            async def on_assigned(
                self, partitions: Collection[TopicPartition]
            ) -> Mapping[TopicPartition, int]:
                raise LookupError("no view")

        reader = await queue.subscribe([place.topic], place.group, Failing())
        for _ in range(2):
            with pytest.raises(LookupError, match="no view"):
                await read_records(reader, 1)
        with pytest.raises(LookupError, match="no view"):
            await reader.close()
        with suppress(LookupError):
            await queue.close()  # its publisher would go on in its thread, and tell other tests of the broker

    async def test_members_that_do_not_read_share_the_partitions(self, place: Place) -> None:
        """They are told what is theirs, read nothing, and hand over when they leave."""
        queue = await filled(place, 4, 2)
        first, second = Watcher(), Watcher()
        one = await queue.join([place.topic], place.group, first)
        other = await queue.join([place.topic], place.group, second)
        async with asyncio.TaskGroup() as tasks, asyncio.timeout(WAIT_S):
            serving = [tasks.create_task(one.serve()), tasks.create_task(other.serve())]
            await until(lambda: (len(one.assignment), len(other.assignment)) == (2, 2))
            assert one.assignment.isdisjoint(other.assignment)
            await other.close()
            await until(lambda: len(one.assignment) == 4)
            await one.close()
            await asyncio.wait(serving)
        assert "revoked" == second.told[-1][0]
        assert {} == await queue.committed(place.group)
        await queue.close()

    async def test_closing_waits_for_a_hook_that_runs(self, place: Place) -> None:
        """Who closes between a hook's beginning and its end leaves after it, and tells what goes."""
        queue = await filled(place, 2, 1)
        inside, go_on = asyncio.Event(), asyncio.Event()

        class Slow(Watcher):
            async def on_assigned(
                self, partitions: Collection[TopicPartition]
            ) -> Mapping[TopicPartition, int]:
                inside.set()
                await go_on.wait()
                return await super().on_assigned(partitions)

        listener = Slow()
        member = await queue.join([place.topic], place.group, listener)
        async with asyncio.timeout(WAIT_S):
            serving = asyncio.create_task(member.serve())
            await inside.wait()
            closing = asyncio.create_task(member.close(WAIT_S))
            await asyncio.sleep(0.3)  # what a close in the middle of the hook would need to get stuck
            go_on.set()
            await asyncio.gather(closing, serving)
        assert ["assigned", "revoked"] == [what for what, _ in listener.told]
        assert frozenset() == member.assignment
        await queue.close()

    async def test_an_unknown_topic_is_an_error(self, place: Place) -> None:
        """Nobody waits for ever for partitions that do not exist."""
        queue = place.open()
        with pytest.raises(UnknownTopicError):
            await queue.subscribe([place.topic], place.group)
        with pytest.raises(UnknownTopicError):
            await queue.join([place.topic], place.group, GroupListener())
        await queue.close()
