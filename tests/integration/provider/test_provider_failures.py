"""The provider's client over real sockets, against a server that misbehaves on request."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable

import pytest

from actors.ports import (
    AnswerMalformed,
    AuthRejected,
    ConnectionFailed,
    ProviderError,
    ProviderTimedOut,
    RateLimited,
    RequestRejected,
    StreamBroken,
)
from bridge.openrouter.client import AiohttpProvider
from tests.integration.provider_meeting import (
    KEY,
    ON_EACH_LOOP,
    Run,
    answering,
    call_to,
    drain,
    let_others_run,
    meeting,
    noting_hang_up,
    one_chunk_then_silence,
    refusal,
    saying,
    silence,
)
from tests.integration.scripted_server import Reply, Request, Script

PROMPT = "a question nobody else may read"
ANSWER = "an answer nobody else may read"

pytestmark = ON_EACH_LOOP


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
