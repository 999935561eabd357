"""One answer as it streams in, and how a broken socket is told.

The stream and the client share the two questions that stand at the end of this file: what is
known of an answer, and what of a failure may be shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import aiohttp
from aiohttp.http import HttpProcessingError

from actors.ports import ErrorFacts, ProviderError, ProviderTimedOut, StreamBroken
from bridge.openrouter.error_body import word

FINISH_LINGER_S = 0.25
"""The end of a body often comes one packet after its last event; past this it is not coming."""

# RuntimeError is how aiohttp and uvloop say that a socket had been closed before.
BREAKS = (aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError)


class HttpStream:
    """The body of one 200 answer, an event stream or JSON. See `ProviderStream`.

    Whoever made it calls `check` now and then, at least until it says that it is over. That is
    told by `on_over` as well, as soon as it is known, and perhaps more than once.
    """

    __slots__ = (
        "_broken",
        "_content",
        "_is_lost",
        "_is_waiting",
        "_on_over",
        "_read_timeout_s",
        "_reads",
        "_reads_checked",
        "_response",
        "_silent_since_s",
    )

    def __init__(
        self, response: aiohttp.ClientResponse, on_over: Callable[[HttpStream], object]
    ) -> None:
        self._response = response
        self._on_over = on_over
        self._content = response.content
        self._broken: ProviderError | None = None
        self._is_lost = False
        self._is_waiting = False
        self._reads = 0
        self._reads_checked = -1
        self._silent_since_s = 0.0
        self._read_timeout_s = _take_read_timeout(response)

    async def read(self) -> bytes:
        """See `ProviderStream.read`. A cancelled read closes the connection."""
        if self._broken is not None:
            return self._rest_before(self._broken)
        self._is_waiting = True
        try:
            data = await self._content.readany()
        except asyncio.CancelledError:
            self.abort()
            raise
        except BREAKS as error:
            self._broken = _broken_off(error, self._response)
            self._broken.__cause__ = speakable_cause(error)
            self.abort()
            return self._rest_before(self._broken)
        self._is_waiting = False
        self._reads += 1
        return data

    def finish(self) -> None:
        """See `ProviderStream.finish`.

        At the end of a body aiohttp gives the connection back by itself, so all that is left to
        do here is not to wait for that end any longer than it takes a packet to arrive.
        """
        if self._response.closed:
            self._on_over(self)
            return
        linger = asyncio.get_running_loop().call_later(FINISH_LINGER_S, self.abort)

        def ended() -> None:
            linger.cancel()
            self._on_over(self)

        self._content.on_eof(ended)

    def abort(self) -> None:
        """See `ProviderStream.abort`."""
        connection = self._response.connection
        # Closing alone would first wait until a half-sent request has left.
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()
        self._on_over(self)

    def check(self, now_s: float) -> bool:
        """Wake a reader that would wait for ever, or longer than allowed. True: it is over.

        When the framing of a body is garbled, aiohttp closes the socket and drops its timers, but
        leaves the body waiting for ever. Only what is seen twice counts: between the closing of
        a socket and the proper end of its body there may be one turn of the loop.
        """
        if self._response.closed:
            return True
        self._check_silence(now_s)
        connection = self._response.connection
        if connection is None or not connection.closed or self._content.is_eof():
            return False
        if self._is_lost and self._content.exception() is None:
            self._content.set_exception(aiohttp.ClientPayloadError())
        self._is_lost = True
        return False

    def _check_silence(self, now_s: float) -> None:
        """Count from the first check that finds a read waiting which was waiting before."""
        if not self._is_waiting or self._reads != self._reads_checked:
            self._reads_checked, self._silent_since_s = self._reads, now_s
        elif self._read_timeout_s and now_s - self._silent_since_s >= self._read_timeout_s:
            self._content.set_exception(aiohttp.SocketTimeoutError())

    def _rest_before(self, broken: ProviderError) -> bytes:
        """Return the bytes that came ahead of the failure, or raise it when there are none.

        aiohttp reports a broken connection at once, and would keep what it had already buffered
        to itself; but what the model has said is kept (SPEC 83).
        """
        self._content.set_exception(None)  # type: ignore[arg-type]  # that is how to clear it
        rest = b""
        with suppress(TimeoutError):
            rest = self._content.read_nowait()
        if rest:
            return rest
        raise broken


def _take_read_timeout(response: aiohttp.ClientResponse) -> float | None:
    """Take over the watch for silence: aiohttp plans and calls off a timer for every read."""
    protocol = response.connection.protocol if response.connection is not None else None
    if protocol is None:
        return None
    read_timeout_s, protocol.read_timeout = protocol.read_timeout, None
    return read_timeout_s


def _broken_off(error: Exception, response: aiohttp.ClientResponse) -> ProviderError:
    if not isinstance(error, TimeoutError):
        return StreamBroken(answer_facts(response, "connection-lost"))
    is_idle = isinstance(error, aiohttp.ServerTimeoutError)
    return ProviderTimedOut(answer_facts(response, "read-timeout" if is_idle else "total-timeout"))


def answer_facts(response: aiohttp.ClientResponse, code: str) -> ErrorFacts:
    """Return what the head of an answer tells, beside our own word for what went wrong."""
    return ErrorFacts(code=code, request_id=word(response.headers.get("X-Generation-Id")))


def speakable_cause(error: Exception) -> Exception | None:
    """Return what may stand behind an error in a traceback.

    The rest of aiohttp's errors can show request headers, a proxy's password or pieces of the
    answer in their text.
    """
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    return error if isinstance(error, OSError) else None
