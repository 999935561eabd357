"""The stand-in server: where it listens and who is connected.

It lives in an event loop like any other server and starts no thread. Nothing here is meant to
face a network: it binds to the loopback interface unless told otherwise, and knows no TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from bridge.standin.connection import Connection
from bridge.standin.desk import API_PATH, SPEC_PATH, Desk
from bridge.standin.http1 import HttpRequest
from bridge.standin.recordings import Recordings
from bridge.standin.records import WAIT_S, RequestRecord
from bridge.standin.stage import Steps
from bridge.standin.wishes import Wish

BODY_BYTES_MAX = 32 * 1024 * 1024
CONNECTIONS_MAX = 20_000
BACKLOG = 4096


class StandIn:
    """A running stand-in. Use `start`, then `base_url`; `close` it, or use it as a context."""

    def __init__(self, *, recordings: Path | None = None) -> None:
        self._desk = Desk(recordings=Recordings(recordings))
        self._connections: set[Connection] = set()
        self._serial = 0
        self._server: asyncio.Server | None = None
        self._last_left = asyncio.Event()

    @classmethod
    async def start(
        cls,
        host: str = "127.0.0.1",
        port: int = 0,
        recordings: Path | None = None,
        *,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> Self:
        """Listen and return at once.

        Args:
            host: the address to bind to.
            port: 0 takes any free one.
            recordings: a folder with `index.jsonl`, or None.
            body_bytes_max: larger request bodies get a 413.

        Raises:
            OSError: the address is taken.
            RecordingsMissing: the folder has no usable index.
        """
        standin = cls(recordings=recordings)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(standin, body_bytes_max=body_bytes_max), host, port, backlog=BACKLOG
        )
        bound_port: int = server.sockets[0].getsockname()[1]
        standin._server = server
        standin._desk.origin = f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"
        return standin

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in tuple(self._connections):
            connection.close()
        # A dropped transport reports its end in the next rounds of the loop, always.
        while self._connections:
            self._last_left.clear()
            await self._last_left.wait()
        await server.wait_closed()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._desk.origin

    @property
    def base_url(self) -> str:
        """What to enter as the provider's base URL."""
        return f"{self._desk.origin}{API_PATH}"

    def spec_url(self, spec: str) -> str:
        """Return a base URL whose requests get what the spec says."""
        return f"{self._desk.origin}{SPEC_PATH}{spec}{API_PATH}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The latest requests, oldest first."""
        return self._desk.records.snapshot()

    def plan(self, *wishes: Wish) -> None:
        """Say what the next requests for an answer get, one wish each."""
        self._desk.plan.add(wishes)

    def reset(self) -> None:
        """Forget the plan, the counts and the records."""
        self._desk.reset()

    async def wait_for(
        self, condition: Callable[[Sequence[RequestRecord]], bool], *, timeout_s: float = WAIT_S
    ) -> tuple[RequestRecord, ...]:
        """Wait until the records meet a condition, and return them.

        Raises:
            TimeoutError: they did not in time.
        """
        return await self._desk.records.wait_for(condition, timeout_s=timeout_s)

    async def wait_until_alone(self, *, timeout_s: float = WAIT_S) -> None:
        """Wait until no client is connected.

        Raises:
            TimeoutError: somebody stays.
        """
        async with asyncio.timeout(timeout_s):
            while self._connections:
                self._last_left.clear()
                await self._last_left.wait()

    # --- what a connection asks -----------------------------------------------------------------

    def enter(self, connection: Connection) -> bool:
        """Count a connection in; False when there are too many."""
        self._connections.add(connection)
        return len(self._connections) <= CONNECTIONS_MAX

    def leave(self, connection: Connection) -> None:
        """Count it out."""
        self._connections.discard(connection)
        self._last_left.set()

    def record_changed(self) -> None:
        """Tell those who wait for a record."""
        self._desk.records.announce()

    def answer(self, request: HttpRequest) -> tuple[Steps, RequestRecord | None]:
        """Decide what a request gets."""
        return self._desk.answer(request, now_s=asyncio.get_running_loop().time())
