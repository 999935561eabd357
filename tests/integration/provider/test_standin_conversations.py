"""Whole conversations with tools against the stand-in, on both endpoints, in pieces and whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bridge.standin import StandIn
from bridge.standin.conversations import quotation
from tests.integration.standin_wire import Seen, ask

USER = {"role": "user", "content": "What is it like outside?"}
SCHEMA = {"type": "object", "properties": {}}
NAMES = ("get_weather", "get_time", "no_such_tool")
PATHS = {"responses": "/api/v1/responses", "chat": "/api/v1/chat/completions"}
ENDPOINTS = pytest.mark.parametrize("endpoint", PATHS)
WAYS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
STRICT = "/s/script=sealed-calls,objects_to=lost-reasoning"
ROUNDS_MAX = 6

Answer = tuple[str, list[dict[str, Any]], list[dict[str, Any]]]


def events(body: bytes) -> list[dict[str, Any]]:
    blocks = (block.removeprefix(b"data: ") for block in body.split(b"\n\n"))
    return [json.loads(block) for block in blocks if block.startswith(b"{")]


# --- a client in a few lines: text, calls (id, name, arguments), and what to send back -----------


def read_responses(seen: Seen, *, stream: bool) -> Answer:
    if stream:
        done = [e for e in events(seen.body) if e["type"] == "response.output_item.done"]
        items = [e["item"] for e in sorted(done, key=lambda e: int(e["output_index"]))]
    else:
        items = json.loads(seen.body)["output"]
    texts = [part["text"] for i in items if i["type"] == "message" for part in i["content"]]
    calls = [
        {"id": item["call_id"], "name": item["name"], "arguments": item["arguments"]}
        for item in items
        if item["type"] == "function_call"
    ]
    return "".join(texts), calls, [i for i in items if i["type"] in ("reasoning", "function_call")]


def read_chat(seen: Seen, *, stream: bool) -> Answer:
    if not stream:
        message = json.loads(seen.body)["choices"][0]["message"]
        for call in message.get("tool_calls", ()):
            call["function"].setdefault("arguments", "")
    else:
        message = joined([e["choices"][0]["delta"] for e in events(seen.body) if e["choices"]])
    calls = [{"id": call["id"], **call["function"]} for call in message.get("tool_calls", ())]
    sent_back = {
        name: message[name]
        for name in ("role", "content", "tool_calls", "reasoning_details")
        if message.get(name)
    }
    return message["content"], calls, [sent_back]


def joined(deltas: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
    for delta in deltas:
        message["content"] += delta.get("content") or ""
        message.setdefault("reasoning_details", []).extend(delta.get("reasoning_details", ()))
        for piece in delta.get("tool_calls", ()):
            if piece["index"] == len(message["tool_calls"]):
                message["tool_calls"].append(piece)
            else:
                known = message["tool_calls"][piece["index"]]["function"]
                known["arguments"] += piece["function"]["arguments"]
    return message


def body_of(endpoint: str, history: Sequence[object], model: str, stream: bool) -> dict[str, Any]:
    if endpoint == "responses":
        tools = [{"type": "function", "name": name, "parameters": SCHEMA} for name in NAMES]
        return {"model": model, "input": history, "tools": tools, "stream": stream}
    named = [{"name": name, "parameters": SCHEMA} for name in NAMES]
    tools = [{"type": "function", "function": function} for function in named]
    return {"model": model, "messages": history, "tools": tools, "stream": stream}


def output_of(endpoint: str, call: dict[str, Any]) -> dict[str, Any]:
    text = f"{call['name']} of {call['arguments']}"
    if endpoint == "responses":
        return {"type": "function_call_output", "call_id": call["id"], "output": text}
    return {"role": "tool", "tool_call_id": call["id"], "content": text}


async def converse(
    standin: StandIn,
    endpoint: str,
    *,
    stream: bool,
    model: str = "standin/sealed-calls",
    spec: str = "",
    change: Callable[[list[dict[str, Any]]], object] = list,
) -> tuple[list[str], list[list[dict[str, Any]]]]:
    """Play a conversation to its end; return the texts and the calls of each answer."""
    history: list[dict[str, Any]] = [USER]
    texts: list[str] = []
    rounds: list[list[dict[str, Any]]] = []
    read = read_responses if endpoint == "responses" else read_chat
    for _ in range(ROUNDS_MAX):
        body = body_of(endpoint, history, model, stream)
        seen = await ask(standin, spec + PATHS[endpoint], body)
        if seen.status != 200:
            texts.append(seen.body.decode())
            break
        text, calls, sent_back = read(seen, stream=stream)
        texts.append(text)
        if not calls:
            break
        rounds.append(calls)
        change(sent_back)
        history += [*sent_back, *(output_of(endpoint, call) for call in calls)]
    return texts, rounds


def run(scenario: Callable[[StandIn], Any]) -> Any:
    async def hosted() -> Any:
        async with await StandIn.start() as standin:
            answer = await scenario(standin)
            assert {record.refusal for record in standin.requests} <= {""}
            return answer

    return asyncio.run(hosted())


@ENDPOINTS
@WAYS
@pytest.mark.parametrize(
    ("name", "calls_per_round"),
    [
        ("tool-call", (1,)),
        ("parallel-calls", (3,)),
        ("no-arguments", (1,)),
        ("stated-call", (1,)),
        ("three-rounds", (1, 1, 1)),
        ("sealed-calls", (1, 1)),
        ("signed-calls", (1, 1)),
        ("any-tool", (1,)),
        ("endless-calls", (1,) * ROUNDS_MAX),
    ],
)
def test_a_conversation_is_played_to_its_end(
    endpoint: str, stream: bool, name: str, calls_per_round: tuple[int, ...]
) -> None:
    texts, rounds = run(
        lambda standin: converse(standin, endpoint, stream=stream, model=f"standin/{name}")
    )
    assert tuple(map(len, rounds)) == calls_per_round
    ids = [call["id"] for calls in rounds for call in calls]
    assert len(ids) == len(set(ids))
    if name != "endless-calls":
        outputs = tuple(f"{call['name']} of {call['arguments']}" for call in rounds[-1])
        assert texts[-1] == quotation(outputs)


@ENDPOINTS
@WAYS
def test_sealed_reasoning_can_be_demanded_back(endpoint: str, stream: bool) -> None:
    texts, _ = run(lambda standin: converse(standin, endpoint, stream=stream, spec=STRICT))
    assert texts[-1].startswith("The tools said: ")


def lose(sent_back: list[dict[str, Any]]) -> None:
    for item in sent_back:
        item.pop("reasoning_details", None)
    sent_back[:] = [item for item in sent_back if item.get("type") != "reasoning"]


def shorten(sent_back: list[dict[str, Any]]) -> None:
    for item in sent_back:
        for part in (*item.get("summary", ()), *item.get("reasoning_details", ())):
            for name in ("text", "summary"):
                if part.get(name):
                    part[name] = part[name][:-1]


@ENDPOINTS
@WAYS
@pytest.mark.parametrize("change", [lose, shorten])
def test_reasoning_that_is_lost_or_changed_is_refused(
    endpoint: str, stream: bool, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    async def scenario() -> str:
        async with await StandIn.start() as standin:
            texts, _ = await converse(standin, endpoint, stream=stream, spec=STRICT, change=change)
            assert standin.requests[-1].refusal
            return texts[-1]

    assert "Invalid signature in thinking block" in asyncio.run(scenario())


@ENDPOINTS
def test_a_task_is_answered_with_json_by_any_real_model(endpoint: str) -> None:
    asked = [{"role": "user", "content": '### Task:\nFind tags.\n{ "tags": ["tag1"] }'}]

    async def scenario(standin: StandIn) -> str:
        body = body_of(endpoint, asked, "openai/gpt-4o-mini", stream=False)
        seen = await ask(standin, PATHS[endpoint], body)
        read = read_responses if endpoint == "responses" else read_chat
        return read(seen, stream=False)[0]

    assert json.loads(run(scenario)) == {"tags": ["Theatre", "Small Talk"]}


@ENDPOINTS
def test_an_objection_lasts_until_the_request_has_changed(endpoint: str) -> None:
    async def scenario() -> None:
        async with await StandIn.start() as standin:
            body = body_of(endpoint, [USER], "standin/objects-to-effort", stream=False)
            for effort, status in (("high", 200), ("xhigh", 400), ("xhigh", 400), ("low", 200)):
                asked = {**body, "reasoning": {"effort": effort}}
                assert (await ask(standin, PATHS[endpoint], asked)).status == status
            assert [bool(record.refusal) for record in standin.requests] == [
                False,
                True,
                True,
                False,
            ]

    asyncio.run(scenario())
