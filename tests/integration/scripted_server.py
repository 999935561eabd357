"""A server that says exactly what a test tells it to, byte by byte, and notes what it heard.

A script is a coroutine that gets one request and a `Reply`. It writes raw HTTP, so it can also
write what no HTTP library would.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came in; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Reply:
    """The way back on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def whole(
        self, status: str, body: bytes = b"", content_type: str = "application/json", **more: str
    ) -> None:
        lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items()]
        head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{''.join(lines)}"
        await self.raw(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async def stream_head(self) -> None:
        await self.raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"X-Generation-Id: gen-1\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def tunnel_to(self, host: str, port: int) -> None:
        """Answer a CONNECT, then carry bytes both ways until both sides have had enough."""
        far_reader, far_writer = await asyncio.open_connection(host, port)
        await self.raw(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(carry(self._reader, far_writer), carry(far_reader, self._writer))

    def reset(self) -> None:
        self._writer.transport.abort()

    def close(self) -> None:
        self._writer.close()

    async def hung_up(self) -> None:
        """Return once the other side has closed the connection."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


Script = Callable[[Request, Reply], Awaitable[None]]


@dataclass
class ScriptedServer:
    script: Script
    port: int = 0
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/api/v1"

    async def on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        connection = self.connections
        try:
            while request := await _read_request(reader, connection):
                self.requests.append(request)
                await self.script(request, Reply(reader, writer))
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serve(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """Listen on loopback for as long as the block runs."""
    scripted = ScriptedServer(script, scheme="https" if tls else "http")
    listening = await asyncio.start_server(scripted.on_connection, "127.0.0.1", 0, ssl=tls)
    scripted.port = listening.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        listening.close()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (s.partition(":") for s in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, target=target, headers=headers, body=body, connection=connection)
