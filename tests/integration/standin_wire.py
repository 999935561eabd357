"""A client of raw sockets for the stand-in: it shows every byte, and how the answer ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bridge.standin import StandIn

PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What arrived. `ending` is `closed`, `reset`, `silent` or, after a whole body, `ended`."""

    raw: bytes
    ending: str

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.head.split(b" ")[1])

    @property
    def chunks(self) -> list[bytes]:
        chunks: list[bytes] = []
        place = self.raw.find(b"\r\n\r\n") + 4
        while (end := self.raw.find(b"\r\n", place)) >= 0:
            length = int(self.raw[place:end], 16)
            chunks.append(self.raw[end + 2 : end + 2 + length])
            place = end + 4 + length
        return [chunk for chunk in chunks if chunk]

    @property
    def body(self) -> bytes:
        if b"transfer-encoding: chunked" in self.head:
            return b"".join(self.chunks)
        return self.raw.partition(b"\r\n\r\n")[2]


def request_bytes(path: str, body: object, *, method: str = "POST", key: str = "sk-or-1") -> bytes:
    encoded = b"" if body is None else json.dumps(body).encode()
    return (
        f"{method} {path} HTTP/1.1\r\nhost: standin\r\nauthorization: Bearer {key}\r\n"
        f"content-length: {len(encoded)}\r\n\r\n"
    ).encode() + encoded


def responses_body(model: str = "standin/plain", **fields: object) -> dict[str, object]:
    return {"model": model, "input": "Hello there", "stream": True, **fields}


def chat_body(model: str = "standin/plain", **fields: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hello there"}]
    return {"model": model, "messages": messages, "stream": True, **fields}


def is_whole(raw: bytearray) -> bool:
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = bytes(raw[:end]).lower()
    if b"transfer-encoding: chunked" in head:
        return raw.endswith((b"\r\n0\r\n\r\n", b"\r\n\r\n0\r\n\r\n"))
    _, found, after = head.partition(b"content-length: ")
    return bool(found) and len(raw) - end - 4 >= int(after.split(b"\r\n")[0])


@asynccontextmanager
async def connected(
    standin: StandIn,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    port = int(standin.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def read_answer(reader: asyncio.StreamReader, *, patience_s: float = PATIENCE_S) -> Seen:
    raw = bytearray()
    ending = "ended"
    try:
        async with asyncio.timeout(patience_s):
            while ending == "ended" and not is_whole(raw):
                data = await reader.read(65536)
                raw += data
                ending = "ended" if data else "closed"
    except TimeoutError:
        ending = "silent"
    except ConnectionResetError:
        ending = "reset"
    return Seen(raw=bytes(raw), ending=ending)


async def ask(
    standin: StandIn,
    path: str,
    body: object,
    *,
    method: str = "POST",
    key: str = "sk-or-1",
    patience_s: float = PATIENCE_S,
) -> Seen:
    async with connected(standin) as (reader, writer):
        writer.write(request_bytes(path, body, method=method, key=key))
        return await read_answer(reader, patience_s=patience_s)
