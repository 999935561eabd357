"""The provider's client over real sockets, against a server that misbehaves on request."""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest
import uvloop

from actors.ports import (
    AnswerMalformed,
    AuthRejected,
    ConnectionFailed,
    Endpoint,
    ProviderCall,
    ProviderError,
    ProviderStream,
    ProviderTimedOut,
    RateLimited,
    RequestRejected,
    Secret,
    StreamBroken,
)
from bridge.openrouter.client import AiohttpProvider
from tests.integration.scripted_server import Reply, Request, Script, ScriptedServer, serve

KEY = "sk-or-v1-very-secret"
PROMPT = "a question nobody else may read"
ANSWER = "an answer nobody else may read"
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
Run = Callable[[Coroutine[None, None, None]], None]


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine, once on each kind of loop."""

    def on_loop(main: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(main)

    return on_loop


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
) -> ProviderCall:
    endpoint = Endpoint(
        base_url=base_url,
        api_key=Secret(key),
        connect_timeout_s=connect_s,
        read_timeout_s=read_s,
        total_timeout_s=total_s,
        referer=referer,
    )
    return ProviderCall(endpoint=endpoint, path="/responses", body=body)


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


async def nothing(request: Request, reply: Reply) -> None:
    """The script that leaves the request unanswered."""


def test_the_bytes_of_a_stream_arrive_as_they_were_sent(run: Run) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            assert await drain(stream) == b'data: {"n":1}\n\ndata: [DONE]\n\n'

    run(main())


def test_a_request_says_who_it_is_from(run: Run) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            await drain(await provider.open(call_to(server.base_url + "/", key=f" {KEY}\n")))
            own = call_to(server.base_url, referer="https://me.example/chat", key="")
            await drain(await provider.open(own))
            first, second = server.requests
        assert (first.method, first.target) == ("POST", "/api/v1/responses")
        assert first.body == b'{"stream":true}'
        assert first.headers["authorization"] == f"Bearer {KEY}"
        assert first.headers["x-openrouter-title"] == first.headers["x-title"] == "Greenroom"
        assert first.headers["accept"] == "text/event-stream"
        assert first.headers["content-type"] == "application/json"
        assert first.headers["http-referer"].startswith("https://")
        assert second.headers["http-referer"] == "https://me.example/chat"
        assert "authorization" not in second.headers

    run(main())


def test_a_body_with_large_images_arrives_whole(run: Run) -> None:
    async def main() -> None:
        body = b"x" * (3 * 2**20 + 1)
        async with meeting(short_stream) as (provider, server):
            await drain(await provider.open(call_to(server.base_url, body=body)))
            assert server.requests[0].body == body

    run(main())


def test_a_key_that_fits_no_header_is_rejected_unsent(run: Run) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            for key in ("sk-\r\nX-Evil: 1", "sk-ключ"):
                error = await refusal(provider, call_to(server.base_url, key=key))
                assert isinstance(error, AuthRejected)
            assert server.connections == 0

    run(main())


# --- connections ------------------------------------------------------------------------------


def test_a_drained_stream_gives_its_connection_to_the_next_call(run: Run) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            for _ in range(3):
                await drain(await provider.open(call_to(server.base_url)))
            assert server.connections == 1

    run(main())


def test_an_end_that_comes_just_after_the_last_event_saves_the_connection(run: Run) -> None:
    async def main() -> None:
        finished = asyncio.Event()

        async def late_end(request: Request, reply: Reply) -> None:
            await reply.stream_head()
            await reply.chunk(b"data: [DONE]\n\n")
            await finished.wait()
            await reply.end()

        async with meeting(late_end) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            await stream.read()
            stream.finish()
            finished.set()
            await let_others_run()
            await drain(await provider.open(call_to(server.base_url)))
            assert server.connections == 1

    run(main())


def test_a_finished_stream_that_goes_on_is_closed(run: Run) -> None:
    async def main() -> None:
        hung_up = asyncio.Event()
        async with meeting(noting_hang_up(hung_up, one_chunk_then_silence)) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            await stream.read()
            stream.finish()
            await hung_up.wait()

    run(main())


def test_three_hundred_streams_are_open_at_once(run: Run) -> None:
    async def main() -> None:
        everybody_is_here = asyncio.Event()

        async def together(request: Request, reply: Reply) -> None:
            await reply.stream_head()
            await reply.chunk(b"data: 1\n\n")
            await everybody_is_here.wait()
            await reply.end()

        async with meeting(together) as (provider, server):
            call = call_to(server.base_url)
            streams = await asyncio.gather(*(provider.open(call) for _ in range(300)))
            assert server.connections == 300
            everybody_is_here.set()
            told = await asyncio.gather(*map(drain, streams))
            assert told == [b"data: 1\n\n"] * 300

    run(main())


def test_an_abort_closes_the_connection_at_once_and_may_be_repeated(run: Run) -> None:
    async def main() -> None:
        hung_up = asyncio.Event()
        async with meeting(noting_hang_up(hung_up, one_chunk_then_silence)) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            await stream.read()
            stream.abort()
            stream.abort()
            await hung_up.wait()
            stream.finish()
            with pytest.raises(StreamBroken):
                await stream.read()

    run(main())


def test_an_abort_after_the_end_leaves_the_connection_to_others(run: Run) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            await drain(stream)
            stream.abort()
            await drain(await provider.open(call_to(server.base_url)))
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("before", [nothing, one_chunk_then_silence])
def test_a_cancelled_call_closes_its_connection(run: Run, before: Script) -> None:
    async def main() -> None:
        hung_up = asyncio.Event()
        async with meeting(noting_hang_up(hung_up, before)) as (provider, server):

            async def read_on() -> None:
                stream = await provider.open(call_to(server.base_url))
                while await stream.read():
                    pass

            with pytest.raises(TimeoutError):
                await asyncio.wait_for(read_on(), 0.1)
            await hung_up.wait()

    run(main())


def test_closing_the_client_ends_every_stream_and_refuses_more(run: Run) -> None:
    async def main() -> None:
        async with meeting(one_chunk_then_silence) as (provider, server):
            call = call_to(server.base_url)
            streams = [await provider.open(call) for _ in range(3)]
            await provider.close()
            await provider.close()
            for stream in streams:
                with pytest.raises(StreamBroken):
                    await drain(stream)
            assert (await refusal(provider, call)).facts.code == "client-closed"

    run(main())


# --- failures before the stream -----------------------------------------------------------------


def refused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("base_url", "kind", "code"),
    [
        (f"http://127.0.0.1:{refused_port()}", ConnectionFailed, "connect"),
        ("http://nonexistent.invalid/api/v1", ConnectionFailed, "dns"),
        ("ftp://127.0.0.1/", RequestRejected, "bad-url"),
        ("no url at all", RequestRejected, "bad-url"),
        ("http://[::1/api", RequestRejected, "bad-url"),
        ("", RequestRejected, "bad-url"),
    ],
)
def test_what_cannot_be_reached_is_told_by_its_cause(
    run: Run, base_url: str, kind: type[ProviderError], code: str
) -> None:
    async def main() -> None:
        provider = AiohttpProvider()
        error = await refusal(provider, call_to(base_url))
        await provider.close()
        assert (type(error), error.facts.code) == (kind, code)

    run(main())


@pytest.mark.parametrize(
    ("waits", "scheme", "code"),
    [
        ({"read_s": 0.1}, "http", "read-timeout"),
        ({"total_s": 0.1}, "http", "total-timeout"),
        # A listener that never shakes hands: the handshake is part of connecting.
        ({"connect_s": 0.1}, "https", "connect-timeout"),
    ],
)
def test_a_silent_server_runs_out_of_time(
    run: Run, waits: dict[str, float], scheme: str, code: str
) -> None:
    async def main() -> None:
        async with meeting(silence) as (provider, server):
            base_url = f"{scheme}://127.0.0.1:{server.port}"
            error = await refusal(provider, call_to(base_url, **waits))  # type: ignore[arg-type]
            assert isinstance(error, ProviderTimedOut)
            assert error.facts.code == code

    run(main())


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        (saying(b""), ConnectionFailed, "closed-before-answer"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-"), ConnectionFailed, "closed-before-answer"),
        (saying(b"220 mail.example ESMTP\r\n\r\n"), AnswerMalformed, "not-http"),
        (answering("200 OK", b'{"choices":[]}'), AnswerMalformed, "not-a-stream"),
        (answering("200 OK", b"<html>", content_type="text/html"), AnswerMalformed, "not-a-stream"),
        (answering("200 OK", b"", content_type="text/event-stream"), AnswerMalformed, "empty"),
        (answering("200 OK", b""), AnswerMalformed, "empty"),
        (answering("200 OK", b'{"error":{"code":429}}'), RateLimited, ""),
        (answering("429 Too Many Requests", b"", Retry_After="3"), RateLimited, ""),
        (answering("401 Unauthorized", b'{"error":{"message":"no"}}'), AuthRejected, ""),
        (answering("400 Bad Request", b"x" * 500_000), RequestRejected, ""),
        (answering("307 Redirect", b"", Location="http://127.0.0.1:9/"), RequestRejected, ""),
    ],
)
def test_every_other_answer_becomes_its_error(
    run: Run, script: Script, kind: type[ProviderError], code: str
) -> None:
    async def main() -> None:
        async with meeting(script) as (provider, server):
            error = await refusal(provider, call_to(server.base_url))
            assert (type(error), error.facts.code) == (kind, code)
            assert len(server.requests) == 1

    run(main())


def test_an_error_keeps_its_connection_when_it_was_read_to_its_end(run: Run) -> None:
    async def main() -> None:
        script = answering("429 Too Many Requests", b"{}", Retry_After="3")
        async with meeting(script) as (provider, server):
            for _ in range(2):
                error = await refusal(provider, call_to(server.base_url))
                assert error.retry_after_s == 3.0
            assert server.connections == 1

    run(main())


def test_an_error_that_breaks_off_is_judged_by_its_status(run: Run) -> None:
    async def main() -> None:
        cut = saying(b"HTTP/1.1 429 Slow\r\nContent-Length: 99\r\n\r\n{")
        async with meeting(cut) as (provider, server):
            assert isinstance(await refusal(provider, call_to(server.base_url)), RateLimited)

    run(main())


# --- failures inside the stream -----------------------------------------------------------------


def breaking(way: Callable[[Reply], Awaitable[None]]) -> Script:
    async def script(request: Request, reply: Reply) -> None:
        await reply.stream_head()
        await reply.chunk(b"data: 1\n\n")
        await way(reply)

    return script


async def by_reset(reply: Reply) -> None:
    reply.reset()


async def by_closing(reply: Reply) -> None:
    reply.close()


async def by_garbage(reply: Reply) -> None:
    await let_others_run()
    await reply.raw(ANSWER.encode() + b"\r\n")


@pytest.mark.parametrize("way", [by_reset, by_closing, by_garbage])
def test_a_stream_that_breaks_off_keeps_what_came_before(
    run: Run, way: Callable[[Reply], Awaitable[None]]
) -> None:
    async def main() -> None:
        async with meeting(breaking(way)) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            # Nobody reads while the end comes in, as when a slow reader has no credit left.
            await let_others_run()
            assert await stream.read() == b"data: 1\n\n"
            for _ in range(2):
                with pytest.raises(StreamBroken) as caught:
                    await stream.read()
            assert caught.value.facts.request_id == "gen-1"
            stream.abort()

    run(main())


@pytest.mark.parametrize(
    ("waits", "code"), [({"read_s": 0.1}, "read-timeout"), ({"total_s": 0.1}, "total-timeout")]
)
def test_a_stalled_stream_runs_out_of_time_and_is_closed(
    run: Run, waits: dict[str, float], code: str
) -> None:
    async def main() -> None:
        hung_up = asyncio.Event()
        async with meeting(noting_hang_up(hung_up, one_chunk_then_silence)) as (provider, server):
            call = call_to(server.base_url, **waits)  # type: ignore[arg-type]
            stream = await provider.open(call)
            assert await stream.read() == b"data: 1\n\n"
            with pytest.raises(ProviderTimedOut) as caught:
                await stream.read()
            assert caught.value.facts.code == code
            await hung_up.wait()

    run(main())


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        saying(b""),
        saying(f"220 {ANSWER}\r\n\r\n".encode()),
        answering("401 Unauthorized", f'{{"error":{{"message":"{ANSWER}"}}}}'.encode()),
        breaking(by_reset),
        breaking(by_garbage),
    ],
)
def test_no_traceback_shows_the_key_or_what_was_said(run: Run, script: Script) -> None:
    async def main() -> None:
        async with meeting(script) as (provider, server):
            with pytest.raises(ProviderError) as caught:
                await drain(await provider.open(call_to(server.base_url, body=PROMPT.encode())))
        chain: list[BaseException] = [caught.value]
        while (cause := chain[-1].__cause__) is not None:
            chain.append(cause)
        shown = "".join([*traceback.format_exception(caught.value), *map(repr, chain)])
        for secret in (KEY, PROMPT, ANSWER):
            assert secret not in shown

    run(main())
