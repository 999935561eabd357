"""The stand-in as a server: what a request gets, and what is remembered of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bridge.standin import ProviderFault, StandIn, Wish
from tests.integration.standin_wire import (
    ask,
    chat_body,
    connected,
    read_answer,
    request_bytes,
    responses_body,
)

RESPONSES = "/api/v1/responses"
CHAT = "/api/v1/chat/completions"


def run(scenario: Callable[[StandIn], Awaitable[None]], *, body_bytes_max: int = 100_000) -> None:
    async def hosted() -> None:
        async with await StandIn.start(body_bytes_max=body_bytes_max) as standin:
            await scenario(standin)

    asyncio.run(hosted())


def decoded(body: bytes) -> Any:
    return json.loads(body)


def test_any_real_model_answers_with_an_echo() -> None:
    async def scenario(standin: StandIn) -> None:
        for path, body in ((RESPONSES, responses_body), (CHAT, chat_body)):
            seen = await ask(standin, path, body("openai/gpt-4o-mini"))
            assert seen.status == 200
            assert b"content-type: text/event-stream" in seen.head
            assert b"x-generation-id: gen-" in seen.head
            assert b'Hello "' in seen.body

    run(scenario)


def test_a_request_without_stream_gets_one_document() -> None:
    async def scenario(standin: StandIn) -> None:
        seen = await ask(standin, RESPONSES, responses_body(stream=False))
        assert decoded(seen.body)["status"] == "completed"
        seen = await ask(standin, CHAT, chat_body(stream=False))
        assert decoded(seen.body)["choices"][0]["finish_reason"] == "stop"

    run(scenario)


def test_the_plan_comes_before_the_url_and_the_url_before_the_model() -> None:
    async def scenario(standin: StandIn) -> None:
        standin.plan(Wish(fault=ProviderFault.STATUS_500))
        spec = f"/s/fault=429-plain,times=1{RESPONSES}"
        body = responses_body("standin/fault-404")
        statuses = [(await ask(standin, path, body)).status for path in (spec, spec, RESPONSES)]
        assert statuses == [500, 429, 404]
        assert (await ask(standin, spec, body)).status == 200

    run(scenario)


def test_a_plan_can_be_posted() -> None:
    async def scenario(standin: StandIn) -> None:
        plan = [{"fault": "502"}, {"n": 4, "b": 3, "cuts": [10, 20]}]
        assert decoded((await ask(standin, "/_control", plan)).body) == {"planned": 2}
        assert (await ask(standin, RESPONSES, responses_body())).status == 502
        seen = await ask(standin, RESPONSES, responses_body())
        assert [len(chunk) for chunk in seen.chunks[:2]] == [10, 10]
        assert seen.body.count(b"output_text.delta") == 4
        assert (await ask(standin, "/_control", [{"fault": "nope"}])).status == 400

    run(scenario)


@pytest.mark.parametrize(
    ("path", "body", "key", "status"),
    [
        (RESPONSES, {}, "", 401),
        (RESPONSES, {"model": "openai/gpt-4o"}, "sk-or-1", 400),
        (RESPONSES, responses_body("nobody/nothing"), "sk-or-1", 400),
        (RESPONSES, responses_body(store=True), "sk-or-1", 400),
        (RESPONSES, responses_body("standin/no-such-script"), "sk-or-1", 400),
        (RESPONSES, ["not", "an", "object"], "sk-or-1", 400),
        (CHAT, chat_body(messages=[]), "sk-or-1", 400),
        (f"/s/fault=nope{RESPONSES}", responses_body(), "sk-or-1", 400),
        (CHAT, chat_body(filling="x" * 200_000), "sk-or-1", 413),
        ("/api/v1/nowhere", {}, "sk-or-1", 404),
    ],
)
def test_a_request_out_of_order_is_refused(path: str, body: Any, key: str, status: int) -> None:
    async def scenario(standin: StandIn) -> None:
        seen = await ask(standin, path, body, key=key)
        assert seen.status == status
        assert "error" in decoded(seen.body)

    run(scenario)


def test_the_catalog_needs_no_key_and_the_key_page_does() -> None:
    async def scenario(standin: StandIn) -> None:
        models = await ask(standin, "/api/v1/models?limit=1", None, method="GET", key="")
        assert len(decoded(models.body)["data"]) == 1
        assert (await ask(standin, "/api/v1/key", None, method="GET", key="")).status == 401
        key = await ask(standin, "/api/v1/key", None, method="GET")
        assert decoded(key.body)["data"]["limit_remaining"] == 74.5
        failing = await ask(standin, "/s/fault=503,on=models/api/v1/models", None, method="GET")
        assert failing.status == 503

    run(scenario)


def test_requests_are_remembered_without_their_key() -> None:
    async def scenario(standin: StandIn) -> None:
        await ask(standin, RESPONSES, responses_body(), key="sk-or-v1-secret-9876")
        [record] = standin.requests
        assert record.path == RESPONSES
        assert record.headers["authorization"] == "Bearer ***9876"
        assert record.finished
        assert record.disconnected_at_s is None
        seen = await ask(standin, "/_requests", None, method="GET")
        [told] = decoded(seen.body)
        assert told["body"]["model"] == "standin/plain"
        assert b"secret" not in seen.body

    run(scenario)


def test_a_client_that_leaves_is_noted_with_the_time() -> None:
    async def scenario(standin: StandIn) -> None:
        async with connected(standin) as (reader, writer):
            path = f"/s/n=500,pace_ms=10{RESPONSES}"
            writer.write(request_bytes(path, responses_body()))
            await reader.readuntil(b"output_text.delta")
            left_at_s = asyncio.get_running_loop().time()
            writer.transport.abort()
            [record] = await standin.wait_for(lambda kept: kept[0].disconnected_at_s is not None)
            assert record.disconnected_at_s is not None
            assert 0 <= record.disconnected_at_s - left_at_s < 1
            assert not record.finished

    run(scenario)


def test_a_connection_serves_one_request_after_another() -> None:
    async def scenario(standin: StandIn) -> None:
        async with connected(standin) as (reader, writer):
            both = request_bytes(RESPONSES, responses_body()) + request_bytes(CHAT, chat_body())
            writer.write(both)
            first = await reader.readuntil(b"\r\n0\r\n\r\n")
            second = await reader.readuntil(b"\r\n0\r\n\r\n")
            assert b"response.completed" in first
            assert b"chat.completion.chunk" in second

    run(scenario)


def test_a_client_that_does_not_read_holds_the_answer_up() -> None:
    async def scenario(standin: StandIn) -> None:
        async with connected(standin) as (reader, writer):
            path = f"/s/n=20000,b=500{RESPONSES}"
            writer.write(request_bytes(path, responses_body()))
            await standin.wait_for(bool)
            assert not standin.requests[0].finished
            seen = await read_answer(reader, patience_s=20)
            assert seen.ending == "ended"
            assert seen.body.count(b"output_text.delta") == 20_000

    run(scenario)


def test_three_hundred_streams_run_side_by_side() -> None:
    async def scenario(standin: StandIn) -> None:
        path = f"/s/n=20,pace_ms=5{RESPONSES}"
        asking = (ask(standin, path, responses_body(), patience_s=20) for _ in range(300))
        answers = await asyncio.gather(*asking)
        assert all(seen.ending == "ended" for seen in answers)
        assert {seen.body.count(b"output_text.delta") for seen in answers} == {20}
        assert all(record.finished for record in standin.requests)

    run(scenario)


def test_closing_drops_the_streams_that_run() -> None:
    async def scenario() -> None:
        standin = await StandIn.start()
        async with connected(standin) as (reader, writer):
            writer.write(request_bytes(f"/s/fault=half-open{RESPONSES}", responses_body()))
            await standin.wait_for(bool)
            await standin.close()
            assert (await read_answer(reader)).ending in ("closed", "reset")

    asyncio.run(scenario())


def test_the_guide_names_every_fault() -> None:
    async def scenario(standin: StandIn) -> None:
        guide = (await ask(standin, "/", None, method="GET")).body.decode()
        assert standin.base_url in guide
        assert all(fault.value in guide for fault in ProviderFault)

    run(scenario)
