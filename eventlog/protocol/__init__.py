"""The Kafka wire protocol, without I/O: bytes in, values out, and the other way round. Pure.

A connection puts what it reads into a `FrameAssembler`, hands each frame to `decode_request_header`,
and the frame with the header to the codec of its API:

    Produce       `decode_produce_request`, `encode_produce_response`
    Fetch         `decode_fetch_request`, `plan_fetch_response`
    ApiVersions   `decode_api_versions_request`, `encode_api_versions_response`
    all others    `decode_request`, `build_response`, `encode_response`

The first two carry the data: their codecs are written by hand and copy none of it. The others go by
the schemas of the package `kio`, which `preload` can load early. `encode_response_frame` makes a body
a frame.

What a peer sends is never believed: a length or a count is held against the bytes that are there
before anything is allocated for it, and what does not fit is a ProtocolError, after which the
connection is closed. `versions` is the only table of what is offered; docs/protocol.md shows it.

Source: Apache Kafka protocol guide, and the message definitions of Apache Kafka.
"""

from eventlog.protocol.api_versions import (
    ApiVersionsRequest,
    decode_api_versions_request,
    encode_api_versions_response,
)
from eventlog.protocol.error_codes import ErrorCode, error_code_of
from eventlog.protocol.errors import ProtocolError, UnsupportedVersionError
from eventlog.protocol.fetch import FetchRequest, WantedPartition, WantedTopic, decode_fetch_request
from eventlog.protocol.fetch_response import (
    FetchedPartition,
    FetchedTopic,
    FetchResponsePlan,
    plan_fetch_response,
)
from eventlog.protocol.frames import FrameAssembler
from eventlog.protocol.produce import (
    PartitionRecords,
    ProducedPartition,
    ProducedTopic,
    ProduceRequest,
    TopicRecords,
    decode_produce_request,
    encode_produce_response,
)
from eventlog.protocol.request_header import RequestHeader, decode_request_header
from eventlog.protocol.response_header import encode_response_frame
from eventlog.protocol.schema_request import decode_request
from eventlog.protocol.schema_response import build_response, encode_response
from eventlog.protocol.schemas import preload
from eventlog.protocol.versions import OFFERED, ApiKey, Versions, is_flexible, is_offered

__all__ = [
    "OFFERED",
    "ApiKey",
    "ApiVersionsRequest",
    "ErrorCode",
    "FetchRequest",
    "FetchResponsePlan",
    "FetchedPartition",
    "FetchedTopic",
    "FrameAssembler",
    "PartitionRecords",
    "ProduceRequest",
    "ProducedPartition",
    "ProducedTopic",
    "ProtocolError",
    "RequestHeader",
    "TopicRecords",
    "UnsupportedVersionError",
    "Versions",
    "WantedPartition",
    "WantedTopic",
    "build_response",
    "decode_api_versions_request",
    "decode_fetch_request",
    "decode_produce_request",
    "decode_request",
    "decode_request_header",
    "encode_api_versions_response",
    "encode_produce_response",
    "encode_response",
    "encode_response_frame",
    "error_code_of",
    "is_flexible",
    "is_offered",
    "plan_fetch_response",
    "preload",
]
