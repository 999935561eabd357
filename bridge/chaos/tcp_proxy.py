"""A proxy between a client and a real server, on the loopback, that does to lines what networks do.

It runs on a thread and a loop of its own, so that clients that block can be put behind it. The
faults stay until `heal`; each call returns once it has taken effect.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

HOST: Final = "127.0.0.1"
CONNECTIONS_MAX: Final = 200
READ_BYTES: Final = 65_536

# What the proxy's own thread may take to do as it is told.
_CALL_S: Final = 10.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tripwire:
    pattern: bytes
    is_passed: bool


class _Line:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._ends = (client, server)

    def close(self) -> None:
        """End both sides as somebody does who is through; what was written still goes out."""
        for end in self._ends:
            end.close()

    def reset(self) -> None:
        """End both sides as a crash does."""
        for end in self._ends:
            _reset(end)

    def leave_client(self) -> None:
        """End the client's side at once; the server still gets what was written."""
        client, server = self._ends
        client.transport.abort()
        server.close()


class TcpProxy:
    """Stands before the server at `port` of the loopback; clients connect to `self.port`.

    Args:
        port: of the server.
        connections_max: lines at once; one more is reset.
    """

    def __init__(self, port: int, *, connections_max: int = CONNECTIONS_MAX) -> None:
        self._target = port
        self._connections_max = connections_max
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._passing: set[asyncio.Future[Any]] = set()
        self._port = 0
        self._accepted = 0
        self._delay_s = 0.0
        self._tripwire: _Tripwire | None = None
        self._flow = asyncio.Event()

    def __enter__(self) -> Self:
        self._flow.set()
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_CALL_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(_CALL_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_S)

    @property
    def port(self) -> int:
        """Where clients connect to; it stays the same through `refuse` and `heal`."""
        return self._port

    @property
    def connections(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    @property
    def accepted(self) -> int:
        """How many lines there were in all."""
        return self._accepted

    # --- faults ----------------------------------------------------------------------------------

    def cut(self) -> None:
        """End all lines in an orderly way; new ones are taken."""
        self._do(self._close_all)

    def reset(self) -> None:
        """End all lines as a crash does; new ones are taken."""
        self._do(self._reset_all)

    def refuse(self) -> None:
        """End all lines and take no new ones."""
        self._do(self._refuse)

    def delay(self, seconds: float) -> None:
        """Hold up each piece of data, in both directions."""
        self._do(lambda: setattr(self, "_delay_s", seconds))

    def stall(self) -> None:
        """Take new lines and all data, and pass nothing on: the peer that says nothing."""
        self._do(self._flow.clear)

    def cut_at(self, pattern: bytes, *, is_passed: bool) -> None:
        """End the line on which a client sends this, once.

        Args:
            pattern: bytes as they stand on the wire, inside one read.
            is_passed: the server gets them, and only its answer is lost; else it gets nothing.
        """
        self._do(
            lambda: setattr(self, "_tripwire", _Tripwire(pattern=pattern, is_passed=is_passed))
        )

    def heal(self) -> None:
        """Do as if nothing were there; what was held up is passed on."""
        asyncio.run_coroutine_threadsafe(self._heal(), self._loop).result(_CALL_S)

    # --- on the loop -----------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _do(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(_CALL_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _heal(self) -> None:
        self._delay_s = 0.0
        self._tripwire = None
        self._flow.set()
        if self._server is None:
            await self._listen()

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._close_all()

    def _close_all(self) -> None:
        for line in self._lines:
            line.close()

    def _reset_all(self) -> None:
        for line in self._lines:
            line.reset()

    async def _stop(self) -> None:
        self._refuse()
        for passing in self._passing:
            passing.cancel()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        if serving:
            await asyncio.wait(serving, timeout=_CALL_S / 2)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        if len(self._lines) >= self._connections_max:
            _reset(writer)
            return
        try:
            answers, server = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(writer)
            return
        line = _Line(writer, server)
        self._lines.add(line)
        try:
            # Whichever side ends first takes the other one with it.
            passing = asyncio.gather(
                self._pass_on(reader, server, line, is_request=True),
                self._pass_on(answers, writer, line, is_request=False),
            )
            self._passing.add(passing)
            # When the proxy stops, this is cancelled and the handler ends as any other.
            await asyncio.gather(passing, return_exceptions=True)
            self._passing.discard(passing)
        finally:
            line.close()
            self._lines.discard(line)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        line: _Line,
        *,
        is_request: bool,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flow.wait()
                if is_request and (tripped := self._tripped(data)) is not None:
                    if tripped.is_passed:
                        writer.write(data)
                    line.leave_client()
                    return
                writer.write(data)
                await writer.drain()
        line.close()

    def _tripped(self, data: bytes) -> _Tripwire | None:
        wire = self._tripwire
        if wire is None or wire.pattern not in data:
            return None
        self._tripwire = None
        return wire


def _reset(writer: asyncio.StreamWriter) -> None:
    line = writer.get_extra_info("socket")
    if line is not None:
        with suppress(OSError):  # It is closed already.
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
