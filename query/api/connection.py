"""A connection with deadlines. Uvicorn has one for the pause between two requests, and none else.

Beyond it, here: a request has to arrive whole in time, an answer has to be taken, a connection that is being
closed ends even where its client reads nothing; and there are only so many connections.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from query.api.last_words import LAST_WORDS
from query.api.problems import MEDIA_TYPE, plain_problem
from query.api.settings import ApiSettings

_UNSENT_BYTES_MAX: Final = 64 * 1024

logger = logging.getLogger(__name__)


class Connection(H11Protocol):
    """One client's connection."""

    limits: ClassVar[ApiSettings]

    if TYPE_CHECKING:
        transport: asyncio.Transport

    _arrival: asyncio.TimerHandle | None = None
    """Runs while a request is awaited for the first time, or arrives."""
    _taking: asyncio.TimerHandle | None = None
    """Runs while the client has to read before we go on writing, or closing."""
    _has_said_all = False
    """Whether the client has shut its writing side down."""
    waiting_since_s: float | None = None
    """When it began to wait for a request, or for the rest of one; None: one is being answered."""

    # --- a request arrives ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        _keep_little_unsent(transport)
        self.waiting_since_s = self.loop.time()
        self._await_arrival()
        if len(self.connections) > self.limits.connections_max:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self._await_arrival()
        super().data_received(data)
        self._look_at_arrival()

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that has nothing more to say may still read: it gets the answers that it asked for.

        Not where they have no end: there it is how a client leaves.
        """
        self._has_said_all = True
        return self._is_answering() and not self._is_live()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._has_said_all and not self._is_answering():
            self.transport.close()
        if self.transport.is_closing():
            self._watch_taking()
        else:
            self._look_at_arrival()

    def _await_arrival(self) -> None:
        if self._arrival is None:
            self._arrival = self.loop.call_later(self.limits.request_s_max, self._did_not_arrive)

    def _look_at_arrival(self) -> None:
        """Stop the clock where nothing of a request is missing."""
        arrives = self.conn.their_state is h11.SEND_BODY or (
            self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        )
        if arrives:
            self._unset_keepalive_if_required()  # it does not rest: the shorter of the two would be unfair
            self._await_arrival()
        elif self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None
        if self._is_answering():
            self.waiting_since_s = None
        elif self.waiting_since_s is None:
            self.waiting_since_s = self.loop.time()

    def _is_answering(self) -> bool:
        """Whether a request has arrived whole, and its answer has not ended."""
        is_begun = self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        return is_begun and self.conn.their_state is not h11.SEND_BODY

    def _did_not_arrive(self) -> None:
        """A client that has said nothing is left without a word."""
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._close()
        else:
            limit_s = self.limits.request_s_max
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request did not arrive within {limit_s:g} s")

    # --- refusals ------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # ours says more
        """What is no HTTP/1.1, or has a head that is too large."""
        if len(self.conn.trailing_data[0]) > self.limits.head_bytes_max:
            detail = f"the head has more than {self.limits.head_bytes_max} bytes"
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)
        else:
            self.refuse(HTTPStatus.BAD_REQUEST, "the request is no HTTP/1.1")

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer with a problem where no answer has begun, and close."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            target = (
                self.scope["raw_path"].decode("ascii") if self.conn.our_state is h11.SEND_RESPONSE else ""
            )
            body = msgspec.json.encode(plain_problem(status, detail, target))
            headers = [
                ("content-type", MEDIA_TYPE),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            if status is HTTPStatus.SERVICE_UNAVAILABLE:
                headers.append(("retry-after", str(self.limits.retry_after_s)))
            response = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self._close()

    def _close(self) -> None:
        """Close after what is written has been read."""
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self._watch_taking()

    # --- the client reads ----------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking is not None and not self.transport.is_closing():
            self._taking.cancel()
            self._taking = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._watch_taking()

    def _watch_taking(self) -> None:
        if self._taking is None:
            waits = self.transport.get_write_buffer_size()
            self._taking = self.loop.call_later(self.limits.stream_idle_s_max, self._look_at_taking, waits)

    def _look_at_taking(self, waited: int) -> None:
        """Nothing is written meanwhile, so that a smaller buffer means that the client has read."""
        self._taking = None
        waits = self.transport.get_write_buffer_size()
        if waits < waited:
            self._watch_taking()
            return
        if self._is_live() and not self.transport.is_closing():
            self._say_last_words()
            return
        logger.info(
            "a client that reads nothing was dropped",
            extra={"action": "drop", "client": str(self.client), "waiting_bytes": waits},
        )
        self.transport.abort()

    def drop_unread(self) -> None:
        """Where an answer without an end waits for its client: do not wait with it."""
        if self._is_live() and self.flow.write_paused:
            self.transport.abort()

    def _is_live(self) -> bool:
        """Whether an answer without an end is under way."""
        return self._is_answering() and LAST_WORDS in self.scope

    def _say_last_words(self) -> None:
        """They wait behind the rest: a client that begins to read again within the time gets them."""
        words = self.scope[LAST_WORDS]()  # type: ignore[typeddict-item]  # ours
        for event in (h11.Data(data=words), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self._close()
        self.flow.resume_writing()  # what waits to be written is not; who waits to write it need not

    # --- the end -------------------------------------------------------------------------------

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._arrival, self._taking):
            if timer is not None:
                timer.cancel()
        self._arrival = self._taking = None

    def _make_room(self) -> None:
        """Close the connection that waits longest for its client; refuse this one where none waits."""
        others: list[Connection] = [one for one in self.connections if one is not self]  # type: ignore[misc]
        waiting = [one for one in others if one.waiting_since_s is not None]
        if waiting:
            min(waiting, key=_waiting_since_s).transport.abort()
        else:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections are being answered; try again")


def _keep_little_unsent(transport: asyncio.BaseTransport) -> None:
    """Let the kernel take little more than it can send.

    It would take megabytes, and ask for more only when a third of them is sent: a client that reads slowly
    would look like one that reads nothing.
    """
    connected = transport.get_extra_info("socket")
    if connected is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES_MAX)


def _waiting_since_s(connection: Connection) -> float:
    assert connection.waiting_since_s is not None
    return connection.waiting_since_s


def connection_class(settings: ApiSettings) -> type[Connection]:
    """The class of connections with these limits: uvicorn makes them itself."""
    attributes: dict[str, Any] = {"limits": settings}
    return type("LimitedConnection", (Connection,), attributes)
