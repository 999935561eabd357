"""What the tests of the provider's client share: calls, scripts, and a loop of either kind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from actors.ports import Endpoint, ProviderCall, ProviderError, ProviderStream, Secret
from bridge.openrouter.client import AiohttpProvider
from tests.integration.scripted_server import Reply, Request, Script, ScriptedServer, serve

KEY = "sk-or-v1-very-secret"
Run = Callable[[Coroutine[None, None, None]], None]


def on_asyncio(main: Coroutine[None, None, None]) -> None:
    asyncio.run(main)


def on_uvloop(main: Coroutine[None, None, None]) -> None:
    uvloop.run(main)


ON_EACH_LOOP = pytest.mark.parametrize("run", [on_asyncio, on_uvloop])


@asynccontextmanager
async def meeting(script: Script) -> AsyncIterator[tuple[AiohttpProvider, ScriptedServer]]:
    async with serve(script) as server:
        provider = AiohttpProvider()
        try:
            yield provider, server
        finally:
            await provider.close()


def call_to(
    base_url: str,
    *,
    body: bytes = b'{"stream":true}',
    key: str = KEY,
    referer: str = "",
    connect_s: float = 5.0,
    read_s: float = 5.0,
    total_s: float | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    is_streaming: bool = True,
) -> ProviderCall:
    endpoint = Endpoint(
        base_url=base_url,
        api_key=Secret(key),
        connect_timeout_s=connect_s,
        read_timeout_s=read_s,
        total_timeout_s=total_s,
        referer=referer,
    )
    return ProviderCall(
        endpoint=endpoint,
        path="/responses",
        body=body,
        headers=headers,
        is_streaming=is_streaming,
    )


async def drain(stream: ProviderStream) -> bytes:
    told = b""
    while data := await stream.read():
        told += data
    stream.finish()
    return told


async def refusal(provider: AiohttpProvider, call: ProviderCall) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await provider.open(call)
    return caught.value


async def let_others_run() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def short_stream(request: Request, reply: Reply) -> None:
    await reply.stream_head()
    await reply.chunk(b'data: {"n":1}\n\n')
    await reply.chunk(b"data: [DONE]\n\n")
    await reply.end()


async def silence(request: Request, reply: Reply) -> None:
    await reply.hung_up()


async def one_chunk_then_silence(request: Request, reply: Reply) -> None:
    await reply.stream_head()
    await reply.chunk(b"data: 1\n\n")
    await reply.hung_up()


def answering(status: str, body: bytes = b"", **headers: str) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.whole(status, body, **headers)

    return script


def saying(raw: bytes) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.raw(raw)
        reply.close()

    return script


def noting_hang_up(told: asyncio.Event, before: Script) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await before(request, reply)
        await reply.hung_up()
        told.set()

    return script
