from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.standin.frames import Endpoint
from bridge.standin.validation import body_problem

USER = {"role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "18"}
OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
TOOL = {"type": "function", "name": "f", "parameters": OBJECT}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAID = {"role": "assistant", "content": "", "tool_calls": [CALLED]}
TOLD = {"role": "tool", "tool_call_id": "call_1", "content": "18"}
CHAT_TOOL = {"type": "function", "function": {"name": "f", "parameters": OBJECT}}
STRICT = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def responses(*items: object, **fields: Any) -> str | None:
    return problem(Endpoint.RESPONSES, {"model": "m", "input": [USER, *items], **fields})


def chat(*messages: object, **fields: Any) -> str | None:
    return problem(Endpoint.CHAT, {"model": "m", "messages": [USER, *messages], **fields})


def problem(endpoint: Endpoint, document: dict[str, Any]) -> str | None:
    answer = body_problem(endpoint, document)
    if answer is None:
        return None
    assert answer.status == 400
    assert "error" in json.loads(answer.body)
    return answer.body.decode()


def test_calls_with_their_outputs_are_taken() -> None:
    second = {**CALL, "call_id": "call_2"}, {**OUTPUT, "call_id": "call_2"}
    assert responses(CALL, OUTPUT, *second, tools=[TOOL]) is None
    assert responses(CALL, second[0], OUTPUT, second[1], tools=[TOOL]) is None
    assert responses(CALL, OUTPUT, {"role": "assistant", "content": "18"}, USER) is None
    assert chat(SAID, TOLD, tools=[CHAT_TOOL]) is None
    assert chat(SAID, TOLD, {"role": "assistant", "content": "18"}, USER) is None


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ((CALL,), "No tool output found"),
        ((CALL, USER, OUTPUT), "No tool output found"),
        ((OUTPUT,), "No tool call found"),
        ((OUTPUT, CALL), "No tool call found"),
        ((CALL, OUTPUT, OUTPUT), "No tool call found"),
        ((CALL, CALL, OUTPUT), "there twice"),
        ((CALL, OUTPUT, CALL, OUTPUT), "there twice"),
        (({**CALL, "arguments": {}}, OUTPUT), "not whole"),
        (({"type": "function_call", "call_id": "call_1"}, OUTPUT), "not whole"),
        ((CALL, {**OUTPUT, "output": {"a": 1}}), "not whole"),
    ],
)
def test_a_call_needs_its_one_output(items: tuple[object, ...], words: str) -> None:
    refused = responses(*items, tools=[TOOL])
    assert refused is not None
    assert words in refused


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ((SAID,), "No tool output found"),
        ((SAID, USER, TOLD), "No tool output found"),
        ((TOLD,), "No tool call found"),
        (({**SAID, "tool_calls": [{**CALLED, "function": {"name": "f"}}]}, TOLD), "not whole"),
    ],
)
def test_chat_has_the_same_rules(messages: tuple[object, ...], words: str) -> None:
    refused = chat(*messages, tools=[CHAT_TOOL])
    assert refused is not None
    assert words in refused


def test_tools_have_to_be_sent_again_with_the_outputs() -> None:
    assert "must define tools" in str(responses(CALL, OUTPUT))
    assert "must define tools" in str(chat(SAID, TOLD))


@pytest.mark.parametrize(
    "tool",
    [
        "f",
        {"name": "f"},
        CHAT_TOOL,
        {**TOOL, "name": ""},
        {**TOOL, "name": "no spaces"},
        {**TOOL, "name": "f" * 65},
        {**TOOL, "parameters": "nonsense"},
        {**TOOL, "parameters": {"type": "string"}},
        {**TOOL, "strict": True, "parameters": {**STRICT, "additionalProperties": True}},
        {**TOOL, "strict": True, "parameters": {**STRICT, "required": []}},
        {
            **TOOL,
            "strict": True,
            "parameters": {**STRICT, "properties": {"a": {"items": {"properties": {}}}}},
        },
    ],
)
def test_a_tool_out_of_shape_is_refused(tool: object) -> None:
    assert "tools" in str(responses(tools=[tool]))


def test_tools_in_shape_are_taken() -> None:
    server_tool = {"type": "openrouter:web_search", "parameters": {}}
    assert responses(tools=[TOOL, {**TOOL, "name": "g"}, server_tool]) is None
    assert responses(tools=[{**TOOL, "strict": True, "parameters": STRICT}]) is None
    assert chat(tools=[CHAT_TOOL]) is None
    assert "tools" in str(chat(tools=[TOOL]))
    assert "twice" in str(responses(tools=[TOOL, TOOL]))
    assert "tools" in str(responses(tools={"f": TOOL}))


@pytest.mark.parametrize(
    ("choice", "is_taken"),
    [
        ("auto", True),
        ("whatever", False),
        (7, False),
        ({"type": "function", "name": "f"}, True),
        ({"type": "function", "function": {"name": "f"}}, False),
    ],
)
def test_a_choice_has_the_shape_of_its_endpoint(choice: object, is_taken: bool) -> None:
    assert (responses(tools=[TOOL], tool_choice=choice) is None) is is_taken


@pytest.mark.parametrize(
    "change",
    [
        {"reasoning": "high"},
        {"reasoning": {"effort": "very"}},
        {"reasoning": {"effort": "high", "max_tokens": 2000}},
        {"reasoning_effort": "very"},
        {"reasoning": {"effort": "high"}, "reasoning_effort": "high"},
        {"temperature": "0.7"},
        {"max_output_tokens": ""},
        {"top_k": True},
        {"input": [{"content": "nobody said this"}]},
        {"input": ["hello"]},
    ],
)
def test_reasoning_numbers_and_items_out_of_shape_are_refused(change: dict[str, Any]) -> None:
    assert problem(Endpoint.RESPONSES, {"model": "m", "input": [USER], **change}) is not None


def test_a_chat_message_needs_a_role() -> None:
    assert chat({"role": "narrator", "content": "x"}) is not None
