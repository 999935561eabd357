from __future__ import annotations

from typing import Any

import pytest

from bridge.standin.call_ids import call_id, round_of
from bridge.standin.conversations import (
    example_arguments,
    named_conversation,
    play,
    quotation,
)
from bridge.standin.followups import keeps_reasoning
from bridge.standin.frames import Endpoint, JsonObject
from bridge.standin.heard import Heard, heard_in
from bridge.standin.script_values import Script, Voice
from bridge.standin.tasks import is_task, task_answer

GEN = "gen-1790000000-00000000000000000007"
USER = {"role": "user", "content": "What is it like outside?"}
THOUGHT = {
    "type": "reasoning",
    "id": "rs_other",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "I have to look at Zürich first."}],
    "signature": "EqQBc2lnbmVk6==",
}


def call(number: int, item: int = 1) -> dict[str, Any]:
    identity = call_id(GEN, number, item)
    return {"type": "function_call", "call_id": identity, "name": "get_weather", "arguments": "{}"}


def output(number: int, text: str, item: int = 1) -> dict[str, Any]:
    identity = call_id(GEN, number, item)
    return {"type": "function_call_output", "call_id": identity, "output": text}


def heard(*items: JsonObject, **fields: Any) -> Heard:
    return heard_in(Endpoint.RESPONSES, {"model": "m", "input": [USER, *items], **fields})


def script_for(name: str, *items: JsonObject, **fields: Any) -> Script:
    script = play(name, heard(*items, **fields))
    assert script is not None
    return script


def test_an_id_tells_its_round_and_whose_it_is() -> None:
    identity = call_id(GEN, 3, 1)
    assert round_of(identity) == 3
    assert call_id("gen-sim", 0, 0) != identity
    assert round_of("call_abc") is None
    assert round_of(f"{identity}x") is None


def test_a_conversation_goes_on_by_what_the_request_says() -> None:
    assert script_for("three-rounds").said(Voice.TEXT) == "I look at Zürich. "
    first = (call(0), output(0, "18"))
    assert script_for("three-rounds", *first).said(Voice.TEXT) == "I look at Oslo. "
    second = (*first, call(1), output(1, "7"))
    assert script_for("three-rounds", *second).said(Voice.TEXT) == "I look at Lima. "
    third = (*second, call(2), output(2, "24"))
    assert script_for("three-rounds", *third).said(Voice.TEXT) == quotation(("24",))


def test_a_new_question_begins_anew() -> None:
    asked_again = script_for("tool-call", call(0), output(0, "18"), USER)
    assert asked_again.call_items


def test_all_outputs_of_the_last_round_are_quoted() -> None:
    items = (call(0, 0), output(0, "18", 0), call(0, 1), output(0, "7", 1))
    assert script_for("parallel-calls", *items).said(Voice.TEXT) == "The tools said: «18» «7»"


def test_calls_that_somebody_else_made_up_count_as_one_round() -> None:
    foreign = [
        {"type": "function_call", "call_id": "call_x", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_x", "output": [{"text": "ten"}]},
    ]
    assert script_for("tool-call", *foreign).said(Voice.TEXT) == quotation(("ten",))


def test_endless_calls_never_end() -> None:
    items = [part for number in range(40) for part in (call(number), output(number, "18"))]
    script = script_for("endless-calls", *items)
    assert script.round_number == 40
    assert script.call_items


def test_what_is_offered_first_is_called() -> None:
    schema = {
        "type": "object",
        "required": ["city", "days", "unit", "deep", "list"],
        "properties": {
            "city": {"type": "string"},
            "days": {"type": ["integer", "null"]},
            "unit": {"enum": ["celsius", "kelvin"]},
            "deep": {"type": "object", "required": ["flag"], "properties": {"flag": True}},
            "list": {"type": "array"},
            "spare": {"type": "string"},
        },
    }
    tools = [{"type": "function", "name": "forecast", "parameters": schema}]
    script = script_for("any-tool", tools=tools)
    assert script.call_names() == ("forecast",)
    assert example_arguments(schema) == {
        "city": "stand-in",
        "days": 1,
        "unit": "celsius",
        "deep": {"flag": "stand-in"},
        "list": [],
    }
    assert script_for("any-tool").said(Voice.TEXT) == quotation(())


def test_both_endpoints_are_heard_alike() -> None:
    identity = call_id(GEN, 0, 1)
    called = {"id": identity, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    details = [
        {"type": "reasoning.text", "text": "I have to look at Zürich first.", "index": 0},
        {"type": "reasoning.text", "signature": "EqQBc2lnbmVk6==", "index": 0},
    ]
    messages = [
        USER,
        {"role": "assistant", "tool_calls": [called], "reasoning_details": details},
        {"role": "tool", "tool_call_id": identity, "content": "18"},
    ]
    chat = heard_in(Endpoint.CHAT, {"model": "m", "messages": messages})
    responses = heard(THOUGHT, {**call(0), "name": "f"}, output(0, "18"))
    assert chat.events == responses.events
    assert chat.question == responses.question == USER["content"]


def changed(**fields: Any) -> JsonObject:
    return {**THOUGHT, **fields}


@pytest.mark.parametrize(
    ("items", "is_kept"),
    [
        ((THOUGHT, call(0), output(0, "18")), True),
        ((call(0), output(0, "18")), False),
        ((call(0), THOUGHT, output(0, "18")), False),
        ((THOUGHT, THOUGHT, call(0), output(0, "18")), False),
        ((changed(signature="EqQB"), call(0), output(0, "18")), False),
        ((changed(content=[]), call(0), output(0, "18")), False),
        ((), True),
    ],
)
def test_signed_reasoning_has_to_come_back_unchanged_and_in_its_place(
    items: tuple[JsonObject, ...], is_kept: bool
) -> None:
    conversation = named_conversation("signed-calls")
    assert conversation is not None
    assert keeps_reasoning(conversation, heard(*items)) is is_kept


def test_a_conversation_without_thinking_has_nothing_to_lose() -> None:
    conversation = named_conversation("any-tool")
    assert conversation is not None
    assert keeps_reasoning(conversation, heard(call(0), output(0, "18")))


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ('JSON format: { "title": "..." }', '{"title":"A Quiet Word Backstage"}'),
        ('{"tags": ["tag1"]}', '{"tags":["Theatre","Small Talk"]}'),
        ('{ "queries" : [] }', '{"queries":["halls that are open tonight"]}'),
        ("an emoji", '{"title":"A Quiet Word Backstage"}'),
    ],
)
def test_a_task_gets_the_json_it_asks_for(wanted: str, answer: str) -> None:
    question = f"### Task:\nThink of something.\n{wanted}"
    assert is_task(question)
    assert task_answer(question).said(Voice.TEXT) == answer
    assert not is_task("What is a task?")
