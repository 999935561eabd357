"""The provider's client over real sockets: what it sends, and what becomes of connections."""

import asyncio

import pytest

from actors.ports import AuthRejected, StreamBroken
from tests.integration.provider_meeting import (
    KEY,
    ON_EACH_LOOP,
    Run,
    call_to,
    drain,
    let_others_run,
    meeting,
    nothing,
    noting_hang_up,
    one_chunk_then_silence,
    refusal,
    short_stream,
)
from tests.integration.scripted_server import Reply, Request, Script

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
