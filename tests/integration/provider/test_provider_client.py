"""The provider's client over real sockets: what it sends, and what becomes of connections."""

import asyncio
import json

import pytest

from actors.ports import (
    AnswerMalformed,
    AuthRejected,
    ProviderTimedOut,
    RateLimited,
    RequestRejected,
    StreamBroken,
)
from actors.values import (
    ChatRequest,
    Role,
    StreamEnded,
    TextPart,
    TextStated,
    ToolCalled,
    Turn,
)
from bridge.openrouter.codec_responses import ResponsesCodec
from tests.integration.provider_meeting import (
    KEY,
    ON_EACH_LOOP,
    Run,
    answering,
    call_to,
    cancelled,
    drain,
    let_others_run,
    meeting,
    noting_hang_up,
    one_chunk_then_silence,
    refusal,
    saying,
    short_stream,
)
from tests.integration.scripted_server import Reply, Request, Script
from tests.unit.responses_script import completed, function_call, message

pytestmark = ON_EACH_LOOP


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


def test_headers_of_a_call_arrive_beside_those_of_every_request(run: Run) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            beta = ("x-anthropic-beta", "interleaved-thinking-2025-05-14")
            call = call_to(server.base_url, headers=(beta, ("x-title", "Mine")))
            await drain(await provider.open(call))
            await drain(await provider.open(call_to(server.base_url)))
            first, second = server.requests
        assert first.headers["x-anthropic-beta"] == "interleaved-thinking-2025-05-14"
        assert first.headers["authorization"] == f"Bearer {KEY}"
        assert first.headers["accept"] == "text/event-stream"
        # Of two by one name the call's own is sent, and no other call hears of it.
        assert (first.headers["x-title"], second.headers["x-title"]) == ("Mine", "Greenroom")
        assert "x-anthropic-beta" not in second.headers

    run(main())


@pytest.mark.parametrize(
    "header",
    [("x-a", "1\r\nx-evil: 1"), ("x-a", "ключ"), ("x a", "1"), ("", "1"), ("x-a:", "1")],
)
def test_what_is_no_header_is_rejected_unsent_and_untold(run: Run, header: tuple[str, str]) -> None:
    async def main() -> None:
        async with meeting(short_stream) as (provider, server):
            error = await refusal(provider, call_to(server.base_url, headers=(header,)))
            assert isinstance(error, RequestRejected)
            assert str(error) == "code bad-header"
            assert server.connections == 0

    run(main())


def test_a_call_for_a_body_asks_for_json_and_gets_it_whole(run: Run) -> None:
    async def main() -> None:
        answer = b'{"id":"gen-1","output":[]}' + b" " * 300_000

        async def slowly(request: Request, reply: Reply) -> None:
            await reply.raw(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            # White space keeps the connection while the model is at work.
            await reply.chunk(b"\n         \n")
            await reply.chunk(answer)
            await reply.end()

        async with meeting(slowly) as (provider, server):
            for _ in range(2):
                call = call_to(server.base_url, body=b'{"stream":false}', is_streaming=False)
                assert await drain(await provider.open(call)) == b"\n         \n" + answer
            assert server.requests[0].headers["accept"] == "application/json"
            assert server.connections == 1

    run(main())


def test_an_answer_in_one_body_is_read_from_the_request_to_its_events(run: Run) -> None:
    async def main() -> None:
        answer = completed(message("Hello"), function_call("{}"))["response"]
        async with meeting(answering("200 OK", json.dumps(answer).encode())) as (provider, server):
            codec = ResponsesCodec()
            request = ChatRequest(
                request_id="r",
                model="maker/model",
                items=(Turn(role=Role.USER, parts=(TextPart(text="x" * 2**21),)),),
                headers=(("x-session-id", "s"),),
                is_streaming=False,
            )
            call = codec.encode(request, call_to(server.base_url).endpoint)
            decoder = codec.decoder(is_streaming=call.is_streaming)
            stream = await provider.open(call)
            while data := await stream.read():
                assert decoder.feed(data) == ()
            told = decoder.finish()
            (asked,) = server.requests
        assert [type(event) for event in told] == [TextStated, ToolCalled, StreamEnded]
        assert asked.headers["x-session-id"] == "s"
        # More than goes into the socket at once.
        assert asked.body == call.body
        assert json.loads(asked.body)["stream"] is False

    run(main())


@pytest.mark.parametrize(
    ("script", "is_streaming", "code"),
    [
        (short_stream, False, "not-json"),
        (answering("200 OK", b"<html>", content_type="text/html"), False, "not-json"),
        (answering("200 OK", b""), False, "empty"),
        (answering("200 OK", b'{"output":[]}'), True, "not-a-stream"),
    ],
)
def test_an_answer_of_the_other_kind_is_no_answer(
    run: Run, script: Script, is_streaming: bool, code: str
) -> None:
    async def main() -> None:
        async with meeting(script) as (provider, server):
            error = await refusal(provider, call_to(server.base_url, is_streaming=is_streaming))
            assert isinstance(error, AnswerMalformed)
            assert error.facts.code == code

    run(main())


def test_an_error_status_is_translated_for_a_call_for_a_body_too(run: Run) -> None:
    async def main() -> None:
        error = b'{"error":{"code":429,"message":"Slow down"}}'
        script = answering("429 Too Many Requests", error, Retry_After="7")
        async with meeting(script) as (provider, server):
            refused = await refusal(provider, call_to(server.base_url, is_streaming=False))
            assert isinstance(refused, RateLimited)
            assert refused.facts.retry_after_s == 7.0

    run(main())


def test_a_body_that_stalls_or_breaks_off_ends_like_a_stream(run: Run) -> None:
    async def main() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"

        async def stalling(request: Request, reply: Reply) -> None:
            await reply.raw(head + b'{"a"')
            await reply.hung_up()

        for script, kind in ((stalling, ProviderTimedOut), (saying(head + b'{"a"'), StreamBroken)):
            async with meeting(script) as (provider, server):
                call = call_to(server.base_url, is_streaming=False, read_s=0.1)
                stream = await provider.open(call)
                with pytest.raises(kind):
                    await drain(stream)

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


def test_a_call_cancelled_before_its_answer_closes_its_connection(run: Run) -> None:
    async def main() -> None:
        asked, hung_up = asyncio.Event(), asyncio.Event()

        async def unanswered(request: Request, reply: Reply) -> None:
            asked.set()

        async with meeting(noting_hang_up(hung_up, unanswered)) as (provider, server):
            opening = asyncio.get_running_loop().create_task(
                provider.open(call_to(server.base_url))
            )
            await asked.wait()
            await cancelled(opening)
            await hung_up.wait()

    run(main())


def test_a_call_cancelled_in_its_answer_closes_its_connection(run: Run) -> None:
    async def main() -> None:
        hung_up = asyncio.Event()
        async with meeting(noting_hang_up(hung_up, one_chunk_then_silence)) as (provider, server):
            stream = await provider.open(call_to(server.base_url))
            await stream.read()
            reading = asyncio.get_running_loop().create_task(stream.read())
            await let_others_run()
            await cancelled(reading)
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
