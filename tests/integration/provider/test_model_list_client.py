"""The model list over real sockets."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from actors.ports import (
    AnswerMalformed,
    AuthRejected,
    ConnectionFailed,
    Endpoint,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    Secret,
)
from bridge.openrouter.model_list import CATALOG_BYTES_MAX, HttpxCatalog
from tests.integration.scripted_server import Reply, Request, Script, ScriptedServer, serve

KEY = "sk-or-v1-very-secret"
LIST = json.dumps({"data": [{"id": "m/a", "name": "A"}, {"id": "m/a"}, {"id": "m/b"}]}).encode()


@asynccontextmanager
async def meeting(script: Script) -> AsyncIterator[tuple[HttpxCatalog, ScriptedServer]]:
    async with serve(script) as server:
        catalog = HttpxCatalog()
        try:
            yield catalog, server
        finally:
            await catalog.close()


def endpoint(base_url: str, *, key: str = KEY, total_s: float | None = None) -> Endpoint:
    return Endpoint(base_url=base_url, api_key=Secret(key), total_timeout_s=total_s)


async def refusal(asked: Awaitable[object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await asked
    return caught.value


def answering(status: str, body: bytes = b"", **headers: str) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.whole(status, body, **headers)

    return script


async def silence(request: Request, reply: Reply) -> None:
    await reply.hung_up()


async def trickle(request: Request, reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    await reply.hung_up()


async def hang_up(request: Request, reply: Reply) -> None:
    reply.close()


def test_the_list_is_read_and_its_rows_are_counted() -> None:
    async def main() -> None:
        async with meeting(answering("200 OK", LIST, Set_Cookie="a=b")) as (source, server):
            found = await source.fetch(endpoint(server.base_url + "/"))
            await source.fetch(endpoint(server.base_url, key=""))
            first, second = server.requests
            assert [model.id for model in found.models] == ["m/a", "m/b"]
            assert source.counts is not None
            assert source.counts.doubled == 1
        assert (first.method, first.target) == ("GET", "/api/v1/models")
        assert first.headers["authorization"] == f"Bearer {KEY}"
        assert "authorization" not in second.headers
        assert "cookie" not in second.headers
        assert server.connections == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        (answering("200 OK", b""), AnswerMalformed, "catalog-empty"),
        (answering("200 OK", b"<html>"), AnswerMalformed, "catalog-not-json"),
        (answering("200 OK", b'{"error":{"code":503}}'), ProviderUnavailable, ""),
        (
            answering(
                "200 OK", gzip.compress(b" " * (CATALOG_BYTES_MAX + 1)), Content_Encoding="gzip"
            ),
            AnswerMalformed,
            "catalog-too-large",
        ),
        (answering("200 OK", b"no gzip", Content_Encoding="gzip"), AnswerMalformed, "not-http"),
        (answering("429 Slow down", b"{}"), RateLimited, ""),
        (answering("500 Oops", b"x" * 300_000), ProviderUnavailable, ""),
        (answering("302 Found", Location="http://127.0.0.1:9/"), RequestRejected, ""),
        (hang_up, ConnectionFailed, "connection-lost"),
    ],
)
def test_what_is_no_list_becomes_its_error(
    script: Script, kind: type[ProviderError], code: str
) -> None:
    async def main() -> None:
        async with meeting(script) as (source, server):
            error = await refusal(source.fetch(endpoint(server.base_url)))
            assert (type(error), error.facts.code) == (kind, code)
            assert source.counts is None

    asyncio.run(main())


@pytest.mark.parametrize("script", [silence, trickle])
def test_a_list_that_does_not_come_runs_out_of_time(script: Script) -> None:
    async def main() -> None:
        async with meeting(script) as (source, server):
            error = await refusal(source.fetch(endpoint(server.base_url, total_s=0.2)))
            assert isinstance(error, ProviderTimedOut)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("base_url", "kind", "code"),
    [
        ("http://127.0.0.1:1", ConnectionFailed, "connect"),
        ("http://nonexistent.invalid/api/v1", ConnectionFailed, "dns"),
        ("ftp://127.0.0.1", RequestRejected, "bad-url"),
        ("no url at all", RequestRejected, "bad-url"),
        ("http://[::1/api", RequestRejected, "bad-url"),
    ],
)
def test_what_cannot_be_reached_is_told_by_its_cause(
    base_url: str, kind: type[ProviderError], code: str
) -> None:
    async def main() -> None:
        source = HttpxCatalog()
        error = await refusal(source.fetch(endpoint(base_url)))
        await source.close()
        assert (type(error), error.facts.code) == (kind, code)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (answering("401 Unauthorized", b'{"error":{"code":401}}'), AuthRejected),
        (answering("200 OK", b'{"data":{"limit":null}}'), None),
        (answering("503 Later"), ProviderUnavailable),
    ],
)
def test_a_key_is_proved_by_asking_for_it(script: Script, kind: type[ProviderError] | None) -> None:
    async def main() -> None:
        async with meeting(script) as (source, server):
            asked = source.check_key(endpoint(server.base_url))
            if kind is None:
                await asked
            else:
                assert type(await refusal(asked)) is kind
            assert server.requests[0].target == "/api/v1/key"

    asyncio.run(main())


@pytest.mark.parametrize("ask", [HttpxCatalog.fetch, HttpxCatalog.check_key])
def test_a_closed_client_refuses(
    ask: Callable[[HttpxCatalog, Endpoint], Awaitable[object]],
) -> None:
    async def main() -> None:
        async with meeting(answering("200 OK", LIST)) as (source, server):
            await source.fetch(endpoint(server.base_url))
            await source.close()
            await source.close()
            error = await refusal(ask(source, endpoint(server.base_url)))
            assert (type(error), error.facts.code) == (ConnectionFailed, "client-closed")

    asyncio.run(main())
