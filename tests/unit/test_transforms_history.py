"""Messages become items, in their order and whole (SPEC 29-36, 41)."""

from __future__ import annotations

import json

import pytest

from actors.values import (
    Item,
    OpaquePart,
    Reasoning,
    Role,
    TextPart,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.transforms.history import History, history_of

ASK = {"role": "user", "content": "what time is it?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": '{"tz":1}'}}


def user(text: str) -> Turn:
    return Turn(role=Role.USER, parts=(TextPart(text=text),))


def answer(text: str) -> Turn:
    return Turn(role=Role.ASSISTANT, parts=(TextPart(text=text),))


def calling(*calls: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": "", "tool_calls": list(calls), **more}


def told(call_id: object, content: object = "noon") -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def read(*messages: object) -> tuple[Item, ...]:
    return history_of(list(messages)).items


def output_of(content: object) -> str:
    last = read(ASK, calling(CALL), told("c1", content))[-1]
    assert isinstance(last, ToolOutput)
    return last.output


def arguments_of(arguments: object) -> str:
    call = {"id": "c1", "function": {"name": "now", "arguments": arguments}}
    found = read(ASK, calling(call), told("c1"))[1]
    assert isinstance(found, ToolCall)
    return found.arguments


def test_a_round_of_tools_keeps_its_order() -> None:
    """SPEC 32."""
    assert read(ASK, calling(CALL, content="let me see"), told("c1"), ASK) == (
        user("what time is it?"),
        answer("let me see"),
        ToolCall(call_id="c1", name="now", arguments='{"tz":1}'),
        ToolOutput(call_id="c1", output="noon"),
        user("what time is it?"),
    )


@pytest.mark.parametrize("nothing", ["", "  ", None])
def test_no_arguments_are_an_empty_object(nothing: object) -> None:
    assert arguments_of(nothing) == "{}"


def test_arguments_that_are_no_text_are_written_as_json() -> None:
    """SPEC 35."""
    assert arguments_of({"a": [1, "ä"]}) == '{"a":[1,"ä"]}'


def test_arguments_that_do_not_parse_are_sent_as_the_model_wrote_them() -> None:
    assert arguments_of('{"tz":') == '{"tz":'


def test_a_flat_call_is_a_call() -> None:
    call = {"call_id": "c1", "name": "now", "arguments": ""}
    assert read(calling(call), told("c1"))[0] == ToolCall(call_id="c1", name="now", arguments="{}")


def test_calls_without_ids_find_their_outputs_by_order() -> None:
    unnamed = [{"function": {"name": name}} for name in ("a", "b")]
    items = read(ASK, calling(*unnamed), told(None, "1"), told("", "2"))
    assert items[1:] == (
        ToolCall(call_id="call_1_0", name="a", arguments="{}"),
        ToolCall(call_id="call_1_1", name="b", arguments="{}"),
        ToolOutput(call_id="call_1_0", output="1"),
        ToolOutput(call_id="call_1_1", output="2"),
    )


def test_an_output_without_an_id_does_not_answer_an_earlier_round() -> None:
    unnamed = {"function": {"name": "a"}}
    made = history_of([ASK, calling(unnamed), calling(CALL), told(None), told("c1")])
    assert [type(item) for item in made.items] == [Turn, ToolCall, ToolOutput]
    assert made.items_dropped == 2


@pytest.mark.parametrize(
    "function", [None, {}, {"name": ""}, {"name": 7}, {"name": " "}, "now", [1]]
)
def test_a_call_without_a_tool_is_no_call(function: object) -> None:
    made = history_of([ASK, calling({"id": "c1", "function": function}), told("c1")])
    assert made.items == (user("what time is it?"),)
    assert (made.messages_dropped, made.items_dropped) == (1, 1)


def test_a_call_without_an_output_is_dropped_and_its_text_stays() -> None:
    """SPEC 41; a provider refuses a history that ends with a call."""
    made = history_of([ASK, calling(CALL, content="let me see")])
    assert made.items == (user("what time is it?"), answer("let me see"))
    assert made.items_dropped == 1


def test_an_output_without_a_call_is_dropped() -> None:
    """SPEC 41."""
    made = history_of([told("c1"), ASK, told("c2")])
    assert (made.items, made.items_dropped) == ((user("what time is it?"),), 2)


def test_an_output_before_its_call_is_no_output_of_it() -> None:
    assert history_of([ASK, told("c1"), calling(CALL)]).items_dropped == 2


def test_of_two_outputs_the_first_counts() -> None:
    items = read(ASK, calling(CALL), told("c1", "first"), told("c1", "second"))
    assert items[2:] == (ToolOutput(call_id="c1", output="first"),)


def test_an_id_may_come_back_in_a_later_round() -> None:
    items = read(ASK, calling(CALL), told("c1", "1"), calling(CALL), told("c1", "2"))
    outputs = [item.output for item in items if isinstance(item, ToolOutput)]
    assert outputs == ["1", "2"]
    assert isinstance(items[3], ToolCall)


def test_an_output_that_came_late_stands_behind_its_call() -> None:
    items = read(calling(CALL), ASK, told("c1"))
    assert [type(item) for item in items] == [ToolCall, ToolOutput, Turn]


def test_outputs_of_parallel_calls_follow_all_of_them() -> None:
    second = CALL | {"id": "c2"}
    items = read(ASK, calling(CALL, second), told("c2", "2"), told("c1", "1"))
    assert [getattr(item, "call_id", "") for item in items] == ["", "c1", "c2", "c1", "c2"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("noon", "noon"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}, "c"], "a\nb\nc"),
        ([{"type": "text", "text": ""}], ""),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}], "[image]"),
        ([{"type": "file", "id": 1}], '{"type":"file","id":1}'),
        ({"time": "noon"}, '{"time":"noon"}'),
        ([1, 2], "[1,2]"),
        ([], ""),
        (7, "7"),
    ],
)
def test_an_output_is_text(content: object, text: str) -> None:
    """SPEC 35, 77."""
    assert output_of(content) == text


def test_thinking_comes_before_what_it_led_to() -> None:
    """FACTS, Reasoning: in order, whole, before the item it led to."""
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": None, "index": 0},
        {"type": "reasoning.encrypted", "data": "xyz", "id": "c1"},
    ]
    message = calling(CALL, content="let me see", reasoning_details=details)
    thinking, turn, call, _ = read(message, told("c1"))
    assert isinstance(thinking, Reasoning)
    assert thinking.wire is WireFormat.CHAT
    assert json.loads(thinking.json) == details
    assert isinstance(turn, Turn)
    assert isinstance(call, ToolCall)


@pytest.mark.parametrize("details", [None, [], "hm", {"type": "reasoning.text"}, [1], 7])
def test_what_is_no_list_of_thinking_is_not_sent(details: object) -> None:
    message = {"role": "assistant", "content": "noon", "reasoning_details": details}
    assert read(message) == (answer("noon"),)


def test_thinking_in_plain_words_stays_here() -> None:
    said = {"reasoning_content": "hm", "reasoning": "hm", "thinking": "hm"}
    assert read({"role": "assistant", "content": "noon", **said}) == (answer("noon"),)


def test_thinking_goes_with_the_call_it_led_to() -> None:
    thinking = {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}
    made = history_of([ASK, calling(CALL, **thinking), ASK, calling(**thinking)])
    assert [type(item) for item in made.items] == [Turn, Turn]
    assert made.items_dropped == 3


def test_thinking_that_led_to_words_stays_when_the_call_goes() -> None:
    thinking = {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}
    items = read(calling(CALL, content="let me see", **thinking))
    assert [type(item) for item in items] == [Reasoning, Turn]


def test_notes_on_an_answer_go_back_with_it() -> None:
    """SPEC 31."""
    note = {"type": "file", "file": {"hash": "h", "content": []}}
    (turn,) = read({"role": "assistant", "content": "x", "annotations": [note, "odd", None]})
    assert isinstance(turn, Turn)
    assert turn.annotations == ('{"type":"file","file":{"hash":"h","content":[]}}',)


@pytest.mark.parametrize(("said", "phase"), [("commentary", "commentary"), ("odd", ""), (7, "")])
def test_the_place_of_an_answer_goes_back_with_it(said: object, phase: str) -> None:
    (turn,) = read({"role": "assistant", "content": "x", "phase": said})
    assert isinstance(turn, Turn)
    assert turn.phase == phase


def test_a_refusal_is_what_the_model_said() -> None:
    assert read({"role": "assistant", "content": None, "refusal": "No."}) == (answer("No."),)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_stay_where_they_are_word_for_word(role: str) -> None:
    """SPEC 29."""
    text = '  <details type="reasoning">\n\n</details> '
    items = read(ASK, {"role": role, "content": text}, ASK)
    assert items[1] == Turn(role=Role(role), parts=(TextPart(text=text),))


@pytest.mark.parametrize("kind", ["reasoning", "tool_calls", "code_interpreter"])
def test_an_answer_is_sent_without_what_open_webui_keeps_in_it(kind: str) -> None:
    block = f'<details type="{kind}" done="true">\n<summary>x</summary>\n> hm\n</details>\n'
    assert read({"role": "assistant", "content": f"{block}noon\n\n{block}sharp"}) == (
        answer("noon\n\nsharp"),
    )


def test_an_answer_of_such_blocks_alone_says_nothing() -> None:
    block = '<details type="reasoning" done="true">\n> hm\n</details>\n'
    made = history_of([ASK, {"role": "assistant", "content": [{"type": "text", "text": block}]}])
    assert (made.items, made.messages_dropped) == ((user("what time is it?"),), 1)


def test_a_question_may_hold_such_blocks() -> None:
    block = '<details type="reasoning" done="true">\n> hm\n</details>\n'
    assert read({"role": "user", "content": block}) == (user(block),)


def test_a_marked_text_keeps_its_mark_only_where_marks_are_taken() -> None:
    """FACTS, Prompt caching."""
    block = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
    message = {"role": "user", "content": [block]}
    (kept,) = history_of([message], keeps_marks=True).items
    assert isinstance(kept, Turn)
    (part,) = kept.parts
    assert isinstance(part, OpaquePart)
    assert json.loads(part.json) == block
    assert history_of([message]).items == (user("long"),)


@pytest.mark.parametrize("messages", [None, "hello", 7, {}, [], [None, "x", 3]])
def test_what_is_no_list_of_messages_says_nothing(messages: object) -> None:
    assert history_of(messages).items == ()


def test_an_empty_history_has_nothing_to_count() -> None:
    assert history_of([]) == History(items=())
