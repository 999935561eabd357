"""One client's connection: reads requests, plays steps, notices when the client leaves.

Timers of the loop do the waiting, so that thousands of slow streams cost no task each.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol, cast

from bridge.standin.error_answers import error_answer
from bridge.standin.http1 import HttpRequest, RequestParser, RequestUnreadable
from bridge.standin.records import RequestRecord
from bridge.standin.stage import Ending, Pause, Steps, Write, plain_steps

WRITE_BYTES = 64 * 1024
PIPELINED_BYTES_MAX = 1024 * 1024
DRAIN_POLL_S = 0.005

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Linger on, zero seconds: closing the socket sends a reset.
_LINGER_RESET = struct.pack("ii", 1, 0)


class House(Protocol):
    """What a connection needs of the server it belongs to."""

    def answer(self, request: HttpRequest) -> tuple[Steps, RequestRecord | None]:
        """Decide the answer. The record, if any, is told how it went."""

    def record_changed(self) -> None:
        """Hear that a record was completed."""

    def enter(self, connection: Connection) -> bool:
        """Count a connection in; False when the house is full."""

    def leave(self, connection: Connection) -> None:
        """Count it out."""


class Connection(asyncio.Protocol):
    """See the module docstring."""

    def __init__(self, house: House, *, body_bytes_max: int) -> None:
        self._house = house
        self._parser = RequestParser(body_bytes_max=body_bytes_max)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._steps: Steps | None = None
        self._record: RequestRecord | None = None
        self._timer: asyncio.Handle | None = None
        self._is_full = False
        self._pipelined_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, or close it when the house is full."""
        # Not every loop's transports are declared as what they are.
        self._transport = cast("asyncio.Transport", transport)
        if not self._house.enter(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note when the client left, and stop playing."""
        del exc
        self._client_left()
        self._transport = None
        self._house.leave(self)

    def eof_received(self) -> bool:
        """Take a client that stops sending for one that has left."""
        self._client_left()
        return False

    def data_received(self, data: bytes) -> None:
        """Collect a request; while an answer is playing, the next one waits its turn."""
        self._parser.feed(data)
        if self._steps is None:
            self._serve_next()
            return
        self._pipelined_bytes += len(data)
        if self._pipelined_bytes > PIPELINED_BYTES_MAX:
            self.close()

    def pause_writing(self) -> None:
        """Stop playing while the client does not read."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Go on where it stopped."""
        self._is_full = False
        if self._timer is None and self._steps is not None:
            self._play()

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _client_left(self) -> None:
        self._cancel_timer()
        self._steps = None
        record, self._record = self._record, None
        if record is not None and not record.finished:
            record.disconnected_at_s = self._loop.time()
            self._house.record_changed()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _serve_next(self) -> None:
        self._timer = None
        self._pipelined_bytes = 0
        try:
            request = self._parser.next_request()
        except RequestUnreadable as unreadable:
            self._refuse(unreadable.status)
            return
        if request is not None:
            self._steps, self._record = self._house.answer(request)
            self._play()
        elif self._parser.take_continue():
            self._write(_CONTINUE)

    def _refuse(self, status: int) -> None:
        """Answer what is no request, and close: where the next one begins is unknown."""
        nobody = HttpRequest(method="", target="/", version="HTTP/1.0", headers={})
        self._steps = plain_steps(error_answer(status, "The request cannot be read."), nobody)
        self._play()

    def _play(self) -> None:
        """Play until something has to be waited for."""
        self._timer = None
        pending = bytearray()
        while self._steps is not None and not self._is_full:
            step = next(self._steps)
            if isinstance(step, Write):
                pending += step.data
                if len(pending) < WRITE_BYTES:
                    continue
            self._write(bytes(pending))
            pending.clear()
            if isinstance(step, Pause):
                self._timer = self._loop.call_later(step.seconds, self._play)
                return
            if isinstance(step, Ending):
                self._end(step)
                return
        self._write(bytes(pending))

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _end(self, ending: Ending) -> None:
        if ending is Ending.HANG:
            # The steps stay set: pipelined requests wait, and leaving is noted.
            self._steps = iter((Ending.HANG,))
            return
        if ending is Ending.RESET:
            self._reset_when_sent()
            return
        self._finish()
        if ending is Ending.DONE:
            self._timer = self._loop.call_later(0, self._serve_next)
        elif self._transport is not None:
            self._transport.close()

    def _finish(self) -> None:
        record, self._record, self._steps = self._record, None, None
        if record is not None:
            record.finished = True
            self._house.record_changed()

    def _reset_when_sent(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            self._timer = self._loop.call_later(DRAIN_POLL_S, self._reset_when_sent)
            return
        self._finish()
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        transport.abort()
