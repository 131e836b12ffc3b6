"""What stands before every route: limits on requests, HEAD, and the observer. Plain ASGI, no Litestar."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPMethod, HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec

from query.api.last_words import LAST_WORDS
from query.api.observer import CLIENT_GONE, UNKNOWN_METHOD, UNKNOWN_ROUTE, EndedRequest, RequestObserver
from query.api.problems import MEDIA_TYPE, plain_problem
from query.api.settings import ApiSettings

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]
Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
_Refusal: TypeAlias = tuple[HTTPStatus, str]

_METHODS: Final = frozenset(map(str, HTTPMethod))
_ABSOLUTE: Final = re.compile(rb"https?://[^/]*", re.IGNORECASE)
_DEFAULT_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Front:
    """Refuses what is too large, lets HEAD be GET without its body, and tells the observer."""

    def __init__(self, app: Application, settings: ApiSettings, observer: RequestObserver) -> None:
        self._app = app
        self._settings = settings
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = _origin_form(scope)
        exchange = _Exchange(scope, receive, send)
        self._observer.request_began()
        try:
            refusal = await self._refusal(scope, receive)
            if refusal is None:
                await self._app(exchange.scope, exchange.receive, exchange.send)
            else:
                await _refuse(exchange, *refusal)
        except _ClientGoneError:
            pass  # there is nobody to answer
        finally:
            self._observer.request_ended(exchange.ended())

    async def _refusal(self, scope: Scope, receive: Receive) -> _Refusal | None:
        """Why the request goes no further; a body is read to its end, and thrown away."""
        limits, headers = self._settings, scope["headers"]
        if len(scope["query_string"]) > limits.query_bytes_max:
            return HTTPStatus.REQUEST_URI_TOO_LONG, f"the query has more than {limits.query_bytes_max} bytes"
        if _head_bytes(scope) > limits.head_bytes_max:
            detail = f"the head has more than {limits.head_bytes_max} bytes"
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail
        if _body_bytes(headers) > limits.body_bytes_max or (
            _has_body(headers) and not await _is_body_within(receive, limits.body_bytes_max)
        ):
            detail = f"the body has more than {limits.body_bytes_max} bytes"
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail
        return None


def _origin_form(scope: Scope) -> Scope:
    """A target with a scheme and a host, as proxies are sent it (RFC 9112, 3.2.2), without the two."""
    found = _ABSOLUTE.match(scope["raw_path"])
    if found is None:
        return scope
    raw_path = scope["raw_path"][found.end() :] or b"/"
    return {**scope, "raw_path": raw_path, "path": unquote(raw_path.decode("ascii"))}


def _head_bytes(scope: Scope) -> int:
    """Of the target and the headers; what stands between them is so little that it does not count."""
    headers = sum(len(name) + len(value) for name, value in scope["headers"])
    return headers + len(scope["raw_path"]) + len(scope["query_string"])


def _has_body(headers: Headers) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in headers)


def _body_bytes(headers: Headers) -> int:
    """What the request says of itself; the server has seen to it that it is a number."""
    return int(dict(headers).get(b"content-length", b"0"))


async def _is_body_within(receive: Receive, bytes_max: int) -> bool:
    """Whether the body ends in time; a client that leaves before ends its request."""
    size, has_more = 0, True
    while has_more and size <= bytes_max:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGoneError
        size += len(message["body"])
        has_more = message["more_body"]
    return size <= bytes_max


class _ClientGoneError(Exception):
    """The client has left before its request was whole."""


async def _refuse(exchange: _Exchange, status: HTTPStatus, detail: str) -> None:
    """What may still come of the request is not waited for: the connection ends with the answer."""
    body = msgspec.json.encode(plain_problem(status, detail, exchange.scope["raw_path"].decode("ascii")))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body, "more_body": False})


class _Exchange:
    """One request and its answer, watched."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._is_head = scope["method"] == "HEAD"
        self._method = scope["method"]
        self.scope: Scope = {**scope, "method": "GET"} if self._is_head else scope
        self._receive = receive
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._first_byte_s: float | None = None
        self._status = CLIENT_GONE
        self._body_bytes = 0
        self._is_whole = asyncio.Event()

    async def receive(self) -> Message:
        """The answer to a HEAD is whole with its headers: whoever would go on sending is told so."""
        if not self._is_head:
            return await self._receive()
        await self._is_whole.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = _completed(message["headers"])
            self._first_byte_s = self._loop.time() - self._began_s
        elif self._is_head:
            if self._is_whole.is_set():
                return
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)
        if message["type"] == "http.response.body":
            self._body_bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._is_whole.set()

    def ended(self) -> EndedRequest:
        duration_s = self._loop.time() - self._began_s
        return EndedRequest(
            method=self._method if self._method in _METHODS else UNKNOWN_METHOD,
            route=self.scope.get("path_template") or UNKNOWN_ROUTE,
            status=self._status,
            is_whole=self._is_whole.is_set() or LAST_WORDS in self.scope,
            first_byte_s=duration_s if self._first_byte_s is None else self._first_byte_s,
            duration_s=duration_s,
            body_bytes=self._body_bytes,
        )


def _completed(headers: Headers) -> Headers:
    """With the headers that every answer has, and HEAD allowed where GET is."""
    names = {name for name, _ in headers}
    full = [(name, _with_head(value) if name == b"allow" else value) for name, value in headers]
    return [*full, *(one for one in _DEFAULT_HEADERS if one[0] not in names)]


def _with_head(allow: bytes) -> bytes:
    methods = {method.strip() for method in allow.split(b",")}
    return b", ".join(sorted(methods | ({b"HEAD"} if b"GET" in methods else set())))
