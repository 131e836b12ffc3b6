"""Produce: answered when durable, refused with the code that fits, in the order of the requests."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import pytest

from eventlog.broker.handlers.produce import Produce
from eventlog.broker.server import Broker
from eventlog.broker.slots import Slots
from eventlog.protocol import ApiKey, ErrorCode, decode_request_header
from eventlog.protocol.schemas import response_schema
from eventlog.record import decode_batch
from eventlog.storage.flush_work import FlushWork
from eventlog.storage.settings import FlushPolicy, LogSettings, TopicSettings
from tests.eventlog.broker.listening import until
from tests.eventlog.broker.living import living_broker, settings_for_tests
from tests.eventlog.broker.wire import WireClient, produce_frame, request_frame
from tests.eventlog.protocol.oracle import kio_decode
from tests.eventlog.storage.living_partition import batch, values_in


async def stored(broker: Broker, topic: str = "t", number: int = 0) -> list[str]:
    return values_in(await broker.directory.partition(topic, number).read_bytes(0, 2**20))


@pytest.mark.parametrize("version", range(3, 12))
@pytest.mark.parametrize("acks", [1, -1])
async def test_produce(tmp_path: Path, version: int, acks: int) -> None:
    """A batch is in the log when it is answered, at the offset that the answer names."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            for offset in (0, 2):
                outcome = await client.produce("t", 0, batch("a", "b"), acks=acks, version=version)
                assert (ErrorCode.NONE, offset) == (outcome.error_code, outcome.base_offset)
                assert offset + 2 == broker.directory.partition("t", 0).high_watermark
        assert ["a", "b", "a", "b"] == await stored(broker)


async def test_after_the_flush(tmp_path: Path) -> None:
    """No answer comes before the flush that covers the records, and one flush answers many requests."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            async with broker.directory.flusher._round:  # the flushes wait for their turn
                client.send(b"".join(produce_frame(number, "t", 0, batch("a")) for number in range(5)))
                await until(lambda: broker.directory.partition("t", 0).log_end_offset == 5)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await client.reader.readexactly(1)
                flushes = sum(broker.measurements.flush.counts)
            answers = [await client.answer(ApiKey.PRODUCE, 9) for _ in range(5)]
        assert list(range(5)) == [correlation_id for correlation_id, _ in answers]
        assert flushes + 2 >= sum(broker.measurements.flush.counts)


async def test_policy_os(tmp_path: Path) -> None:
    """Under the policy `os` the answer follows the append."""
    settings = settings_for_tests(log=LogSettings(flush=FlushPolicy.OS, free_bytes_min=0))
    async with living_broker(tmp_path / "log", settings) as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client, broker.directory.flusher._round:
            outcome = await client.produce("t", 0, batch("a"))
        assert (ErrorCode.NONE, 0) == (outcome.error_code, outcome.base_offset)


async def test_acks_0(tmp_path: Path) -> None:
    """acks=0 has no response, also where it fails; the next request's answer is the next to come."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            client.send(produce_frame(1, "t", 0, batch("a"), acks=0))
            client.send(produce_frame(2, "unknown", 0, batch("a"), acks=0))
            client.send(produce_frame(3, "t", 0, batch("b")))
            correlation_id, _ = await client.answer(ApiKey.PRODUCE, 9)
        assert 3 == correlation_id
        assert ["a", "b"] == await stored(broker)


def _spoilt(at: int) -> bytearray:
    data = batch("a", "b")
    data[at] ^= 1
    return data


@pytest.mark.parametrize(
    ("topic", "number", "records", "acks", "code"),
    [
        ("unknown", 0, batch("a"), -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 7, batch("a"), -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("t", -1, batch("a"), -1, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("t", 0, batch("a"), 2, ErrorCode.INVALID_REQUIRED_ACKS),
        ("t", 0, b"", -1, ErrorCode.INVALID_RECORD),
        ("t", 0, _spoilt(-1), -1, ErrorCode.CORRUPT_MESSAGE),
        ("t", 0, _spoilt(16), -1, ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT),
        ("t", 0, batch("a") + batch("b"), -1, ErrorCode.INVALID_RECORD),
        ("t", 0, batch("x" * 2000), -1, ErrorCode.MESSAGE_TOO_LARGE),
        ("t", 0, batch("a", producer=(5, 0, 3)), -1, ErrorCode.NONE),
    ],
    ids=[
        "topic",
        "partition",
        "negative",
        "acks",
        "empty",
        "crc",
        "magic",
        "two",
        "large",
        "unknown-producer",
    ],
)
async def test_refused(
    tmp_path: Path, topic: str, number: int, records: bytes, acks: int, code: ErrorCode
) -> None:
    """What cannot be appended is refused with the code that makes clients do the right thing."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1, TopicSettings(max_message_bytes=1000))
        async with await WireClient.open(broker.port) as client:
            outcome = await client.produce(topic, number, records, acks=acks)
            assert code == outcome.error_code
            kept = await stored(broker)
            assert bool(kept) == (code is ErrorCode.NONE)
        if code:
            assert 1 == broker.measurements.errors[ApiKey.PRODUCE, code]


async def test_one_of_two_refused(tmp_path: Path) -> None:
    """Each partition of a request has its own outcome."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 2)
        partitions = [
            {"index": 0, "records": bytes(batch("a"))},
            {"index": 9, "records": bytes(batch("b"))},
            {"index": 1, "records": bytes(batch("c"))},
        ]
        async with await WireClient.open(broker.port) as client:
            answer = await client.call(
                ApiKey.PRODUCE,
                9,
                acks=-1,
                timeout=30_000,
                topic_data=[{"name": "t", "partition_data": partitions}],
            )
        outcomes = answer.responses[0].partition_responses
        assert [(0, 0, 0), (9, 3, -1), (1, 0, 0)] == [
            (each.index, each.error_code, each.base_offset) for each in outcomes
        ]


async def test_transactional(tmp_path: Path) -> None:
    """Transactions are not offered, and whoever tries one is told so."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        partitions = [{"index": 0, "records": bytes(batch("a"))}]
        async with await WireClient.open(broker.port) as client:
            answer = await client.call(
                ApiKey.PRODUCE,
                9,
                transactional_id="mine",
                acks=-1,
                timeout=30_000,
                topic_data=[{"name": "t", "partition_data": partitions}],
            )
        code = answer.responses[0].partition_responses[0].error_code
        assert ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED == code


async def test_late(tmp_path: Path) -> None:
    """A flush that does not end in the client's time is answered as late; the record may still come."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            async with broker.directory.flusher._round:
                partitions = [{"index": 0, "records": bytes(batch("a"))}]
                answer = await client.call(
                    ApiKey.PRODUCE,
                    9,
                    acks=-1,
                    timeout=20,
                    topic_data=[{"name": "t", "partition_data": partitions}],
                )
            assert ErrorCode.REQUEST_TIMED_OUT == answer.responses[0].partition_responses[0].error_code
            await broker.directory.flush()
        assert ["a"] == await stored(broker)


async def test_late_and_durable_at_once(tmp_path: Path) -> None:
    """Where the time passes in the turn of the loop in which a flush ends, the flush counts; one answer."""
    loop = asyncio.get_running_loop()
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 2)
        log = broker.directory.partition("t", 0)
        written: list[bytes] = []
        async with broker.directory.flusher._round:
            partitions = [{"index": number, "records": bytes(batch("a"))} for number in range(2)]
            topics = [{"name": "t", "partition_data": partitions}]
            frame = bytearray(request_frame(ApiKey.PRODUCE, 9, 1, acks=-1, timeout=1, topic_data=topics)[4:])
            produce = Produce(broker.directory, broker.measurements)
            produce.take(decode_request_header(frame), frame, Slots(written.append).take())
            loop.call_at(0, log.waiters.release, 1)
            time.sleep(0.01)  # noqa: ASYNC251  # so that both timers are due in one turn, the flush's first
            await until(lambda: written)
            await asyncio.sleep(0)
        answer = kio_decode(response_schema(ApiKey.PRODUCE, 9), written[0][9:])
        outcomes = answer.responses[0].partition_responses
        assert [ErrorCode.NONE, ErrorCode.REQUEST_TIMED_OUT] == [each.error_code for each in outcomes]
        assert 1 == len(written)


@pytest.mark.parametrize("acks", [0, -1])
async def test_failed_flush(
    tmp_path: Path, acks: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed flush is an error for who waits, and for nobody else."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            with monkeypatch.context() as patched:
                patched.setattr(FlushWork, "execute", _refused)
                client.send(produce_frame(1, "t", 0, batch("a"), acks=acks))
                await until(
                    lambda: "a flush failed; what it should have covered is set aside" in caplog.messages
                )
            if acks:
                _, answer = await client.answer(ApiKey.PRODUCE, 9)
                code = answer.responses[0].partition_responses[0].error_code
                assert ErrorCode.KAFKA_STORAGE_ERROR == code
            await until(lambda: broker.directory.partition("t", 0).failure is None)
            outcome = await client.produce("t", 0, batch("b"))
            assert ErrorCode.NONE == outcome.error_code
        gc.collect()
        assert "asyncio" not in {record.name for record in caplog.records if record.levelname == "ERROR"}


def _refused(*_: object) -> None:
    raise OSError(5, "Input/output error")


async def test_idempotent(tmp_path: Path) -> None:
    """A batch that is sent again is stored once, and answered with the offset that it has."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            made = await client.call(ApiKey.INIT_PRODUCER_ID, 4, transactional_id=None)
            producer = int(made.producer_id)
            first, second = (batch("v", producer=(producer, 0, number)) for number in (0, 1))
            outcomes = [await client.produce("t", 0, each) for each in (first, second, first, second)]
            gap = await client.produce("t", 0, batch("v", producer=(producer, 0, 5)))
        assert [0, 1, 0, 1] == [each.base_offset for each in outcomes]
        assert ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER == gap.error_code
        assert ["v", "v"] == await stored(broker)


async def test_counted(tmp_path: Path) -> None:
    """Batches, records and bytes are counted once, also where a batch came twice."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        data = batch("a", "b", producer=(77, 0, 0))
        async with await WireClient.open(broker.port) as client:
            await client.produce("t", 0, data)
            await client.produce("t", 0, data)
        traffic = broker.measurements.produced["t"]
        assert (1, 2, len(data)) == (traffic.batches, traffic.records, traffic.bytes)
        assert 2 == sum(broker.measurements.requests[ApiKey.PRODUCE].counts)


async def test_client_gone_before_the_flush(tmp_path: Path) -> None:
    """A client that goes before its answer disturbs nobody; its records stay."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with broker.directory.flusher._round:
            async with await WireClient.open(broker.port) as client:
                client.send(produce_frame(1, "t", 0, batch("a")))
                await until(lambda: broker.directory.partition("t", 0).log_end_offset)
            await until(lambda: not broker.connections)
        await broker.directory.flush()
        assert ["a"] == await stored(broker)


async def test_topic_deleted_before_the_flush(tmp_path: Path) -> None:
    """Who waits for records of a topic that is deleted meanwhile is told that there is no such topic."""
    async with living_broker(tmp_path / "log") as broker:
        await broker.directory.create_topic("t", 1)
        async with await WireClient.open(broker.port) as client:
            client.send(produce_frame(1, "t", 0, batch("a")))
            log = broker.directory.partition("t", 0)
            await until(lambda: log.log_end_offset)
            await broker.directory.delete_topic("t")
            _, answer = await client.answer(ApiKey.PRODUCE, 9)
        code = answer.responses[0].partition_responses[0].error_code
        assert code in {ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}


def test_golden_frame() -> None:
    """The frames of these tests are what librdkafka would send, as far as records go."""
    frame = produce_frame(1, "t", 0, batch("a"))
    assert bytes(batch("a")) in frame
    assert 1 == len(list(decode_batch(batch("a"))))
    assert request_frame(ApiKey.METADATA, 0, 5, topics=[])
