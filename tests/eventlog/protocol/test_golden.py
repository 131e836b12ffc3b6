"""Requests as real clients sent them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventlog.protocol import ApiKey, FrameAssembler, ProtocolError
from eventlog.record import decode_batch
from tests.eventlog.protocol.request_bodies import decode_frame

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.hex"))
CLIENTS = {
    "librdkafka": "gputail-confluent",
    "kcat": "gputail-kcat",
    "kafka-python": "gputail-kafka-python",
    "aiokafka": "gputail-aiokafka",
}
APIS = {
    "api-versions": ApiKey.API_VERSIONS,
    "metadata": ApiKey.METADATA,
    "produce": ApiKey.PRODUCE,
    "fetch": ApiKey.FETCH,
}


def frame(path: Path) -> bytearray:
    data = bytes.fromhex(path.read_text())
    assembler = FrameAssembler(2**20)
    assembler.buffer()[: len(data)] = data
    (only,) = assembler.received(len(data))
    return only


def request_of(client: str, api: str) -> Any:
    (path,) = (path for path in FILES if path.stem.startswith(f"{client}-{api}-"))
    return decode_frame(frame(path))[1]


def test_all_clients_are_here() -> None:
    """There is a request of each client for each API."""
    stems = {path.stem.rpartition("-")[0] for path in FILES}
    assert {f"{client}-{api}" for client in CLIENTS for api in APIS} == stems


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_headers(path: Path) -> None:
    """The file's name says what its header says, and its body is read to its end."""
    rest, _, version = path.stem.rpartition("-")
    client = next(name for name in CLIENTS if rest.startswith(name))
    header, _ = decode_frame(frame(path))
    assert APIS[rest.removeprefix(f"{client}-")] is header.api_key
    assert (int(version), CLIENTS[client]) == (header.api_version, header.client_id)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_request_that_is_cut_off(path: Path) -> None:
    """At every byte it is a ProtocolError; ApiVersions 0 has no body that could be."""
    whole = frame(path)
    for length in range(len(whole)):
        with pytest.raises(ProtocolError):
            decode_frame(whole[:length])


@pytest.mark.parametrize(
    ("client", "name", "version"),
    [
        ("librdkafka", "confluent-kafka-python", "2.16.1-rdkafka-2.16.0"),
        ("kcat", "librdkafka", "2.0.2"),
        ("kafka-python", "kafka-python", "3.0.12"),
        ("aiokafka", "", ""),
    ],
)
def test_what_clients_call_themselves(client: str, name: str, version: str) -> None:
    """Their names and versions are read, where they tell them."""
    request = request_of(client, "api-versions")
    assert (name, version) == (request.software_name, request.software_version)


@pytest.mark.parametrize("client", CLIENTS)
def test_what_clients_produce(client: str) -> None:
    """The batch is found whole in the request."""
    request = request_of(client, "produce")
    (topic,) = request.topics
    (partition,) = topic.partitions
    values = [record.value for record in decode_batch(partition.records)]
    assert ("telemetry", 0) == (topic.name, partition.index)
    assert request.acks in {1, -1}
    assert values == ([b"a", b"b", b"c"] if client == "kcat" else [b"value-0", b"value-1", b"value-2"])


@pytest.mark.parametrize("client", CLIENTS)
def test_what_clients_fetch(client: str) -> None:
    """Partition, offset and limits are those of a client's first fetch."""
    request = request_of(client, "fetch")
    (topic,) = request.topics
    (partition,) = topic.partitions
    assert ("telemetry", 0, 0) == (topic.name, partition.index, partition.offset)
    assert 0 < partition.bytes_max <= request.bytes_max
    assert 1 == request.bytes_min
    assert 100 <= request.wait_ms_max <= 500
    assert (1 if client in {"librdkafka", "kcat", "aiokafka"} else 0) == request.isolation_level
    assert 0 == request.session_id
    assert -1 == request.replica_id


@pytest.mark.parametrize("client", CLIENTS)
def test_what_clients_ask_of_topics(client: str) -> None:
    """A topic by its name, or all."""
    topics = request_of(client, "metadata").topics
    assert topics is None or {"telemetry"} >= {topic.name for topic in topics}
