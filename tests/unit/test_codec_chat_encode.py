import json

import pytest

from actors.ports import Endpoint, Secret
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    Mark,
    OpaqueItem,
    OpaquePart,
    OpaqueTool,
    Parameter,
    Part,
    Reasoning,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.openrouter.codec_chat import ChatCodec

ENDPOINT = Endpoint(base_url="https://provider.test/api/v1", api_key=Secret("sk-test"))
DETAIL = '{"type":"reasoning.text",  "text":"t","index":0}'


def request(
    *items: Item, tools: tuple[Tool | OpaqueTool, ...] = (), **given: object
) -> ChatRequest:
    parameters = tuple(Parameter(name=n, json=json.dumps(value)) for n, value in given.items())
    return ChatRequest(
        request_id="r1", model="maker/model", items=items, parameters=parameters, tools=tools
    )


def written(asked: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(ChatCodec().encode(asked, ENDPOINT).body)
    return body


def messages(*items: Item, **given: object) -> object:
    return written(request(*items, **given))["messages"]


def content_of(*parts: Part, role: Role = Role.USER) -> object:
    sent = messages(Turn(role=role, parts=parts))
    assert isinstance(sent, list)
    (message,) = sent
    return message["content"]


def said(role: Role, text: str) -> Turn:
    return Turn(role=role, parts=(TextPart(text=text),))


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def call(call_id: str = "c1", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id=call_id, name="f", arguments=arguments)


def wire_call(call_id: str = "c1", arguments: str = "{}") -> dict[str, object]:
    function = {"name": "f", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def details(*texts: str) -> Reasoning:
    told = [{"type": "reasoning.text", "text": words} for words in texts]
    return Reasoning(wire=WireFormat.CHAT, json=json.dumps(told))


def test_a_call_goes_to_chat_with_its_headers_and_its_way_of_answering() -> None:
    asked = ChatRequest(
        request_id="r1", model="m", items=(), headers=(("x-a", "b"),), is_streaming=False
    )
    sent = ChatCodec().encode(asked, ENDPOINT)
    assert (sent.path, sent.endpoint) == ("/chat/completions", ENDPOINT)
    assert (sent.headers, sent.is_streaming) == ((("x-a", "b"),), False)
    assert json.loads(sent.body) == {"model": "m", "messages": [], "stream": False}


def test_a_request_streams_and_names_the_exact_model() -> None:
    assert written(request()) == {"model": "maker/model", "messages": [], "stream": True}


@pytest.mark.parametrize("role", list(Role))
def test_a_turn_is_a_message_word_for_word(role: Role) -> None:
    assert messages(said(role, " as it is \n")) == [
        {"role": role.value, "content": [text(" as it is \n")]}
    ]


def test_system_messages_stay_apart_and_in_their_places() -> None:
    roles = (Role.SYSTEM, Role.SYSTEM, Role.USER, Role.DEVELOPER)
    sent = messages(*(said(role, role.value) for role in roles))
    assert isinstance(sent, list)
    assert [message["role"] for message in sent] == ["system", "system", "user", "developer"]


def test_a_turn_without_parts_is_left_out() -> None:
    turns = (
        Turn(role=Role.ASSISTANT, parts=()),
        said(Role.USER, "hi"),
        Turn(role=Role.USER, parts=()),
    )
    assert messages(*turns) == [{"role": "user", "content": [text("hi")]}]


def test_an_image_keeps_its_detail() -> None:
    assert content_of(ImagePart(url="data:image/png;base64,AA==", detail="high")) == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "high"}}
    ]


def test_an_answer_is_one_message() -> None:
    items = (
        said(Role.USER, "hi"),
        details("t"),
        said(Role.ASSISTANT, "let me see"),
        call("c1"),
        call("c2"),
        ToolOutput(call_id="c1", output="o1"),
        ToolOutput(call_id="c2", output="o2"),
        details("u"),
        said(Role.ASSISTANT, "done"),
    )
    assert messages(*items) == [
        {"role": "user", "content": [text("hi")]},
        {
            "role": "assistant",
            "content": [text("let me see")],
            "tool_calls": [wire_call("c1"), wire_call("c2")],
            "reasoning_details": [{"type": "reasoning.text", "text": "t"}],
        },
        {"role": "tool", "content": "o1", "tool_call_id": "c1"},
        {"role": "tool", "content": "o2", "tool_call_id": "c2"},
        {
            "role": "assistant",
            "content": [text("done")],
            "reasoning_details": [{"type": "reasoning.text", "text": "u"}],
        },
    ]


def test_an_answer_that_only_calls_has_no_content() -> None:
    assert messages(call()) == [{"role": "assistant", "content": None, "tool_calls": [wire_call()]}]


@pytest.mark.parametrize(("arguments", "sent"), [("", "{}"), (" ", "{}"), ('{ "a":1}', '{ "a":1}')])
def test_missing_arguments_are_none_and_others_stay_as_written(arguments: str, sent: str) -> None:
    assert messages(call(arguments=arguments)) == [
        {"role": "assistant", "content": None, "tool_calls": [wire_call(arguments=sent)]}
    ]


def test_texts_of_one_answer_are_parts_of_its_message() -> None:
    assert messages(said(Role.ASSISTANT, "a"), said(Role.ASSISTANT, "b")) == [
        {"role": "assistant", "content": [text("a"), text("b")]}
    ]


def phased(words: str, phase: str) -> Turn:
    return Turn(role=Role.ASSISTANT, parts=(TextPart(text=words),), phase=phase)


def test_texts_of_two_phases_are_two_messages_and_thinking_goes_with_what_it_led_to() -> None:
    items = (phased("a", "commentary"), details("t"), phased("b", "final_answer"))
    assert messages(*items) == [
        {"role": "assistant", "content": [text("a")], "phase": "commentary"},
        {
            "role": "assistant",
            "content": [text("b")],
            "reasoning_details": [{"type": "reasoning.text", "text": "t"}],
            "phase": "final_answer",
        },
    ]


def test_calls_are_never_left_behind_by_a_text_of_another_phase() -> None:
    sent = messages(
        phased("a", "commentary"), call(), phased("b", ""), ToolOutput(call_id="c1", output="o")
    )
    assert isinstance(sent, list)
    assert [message["role"] for message in sent] == ["assistant", "tool"]
    assert sent[0]["phase"] == "commentary"


@pytest.mark.parametrize("following", [(), (ToolOutput(call_id="c1", output="o"),)])
def test_thinking_after_a_call_belongs_to_the_same_answer(following: tuple[Item, ...]) -> None:
    sent = messages(call(), details("t"), *following)
    assert isinstance(sent, list)
    assert sent[0]["reasoning_details"] == [{"type": "reasoning.text", "text": "t"}]


@pytest.mark.parametrize("following", [(), (said(Role.USER, "hi"),)])
def test_thinking_that_led_to_nothing_is_not_sent(following: tuple[Item, ...]) -> None:
    sent = messages(details("t"), *following)
    assert sent == messages(*following)


def test_details_go_out_byte_for_byte() -> None:
    raw = f"[ {DETAIL},\n{DETAIL} ]"
    asked = request(Reasoning(wire=WireFormat.CHAT, json=raw), said(Role.ASSISTANT, "a"))
    assert f'"reasoning_details":{raw}'.encode() in ChatCodec().encode(asked, ENDPOINT).body


def test_several_lists_of_one_message_are_joined_in_order_and_never_doubled() -> None:
    sent = messages(details("a", "b"), details("b", "c"), details("a", "b"), call())
    assert isinstance(sent, list)
    assert [detail["text"] for detail in sent[0]["reasoning_details"]] == ["a", "b", "c"]


def test_thinking_in_the_words_of_the_other_endpoint_is_translated() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"text": "s"}], "encrypted_content": "e"}
    thought = Reasoning(wire=WireFormat.RESPONSES, json=json.dumps(item))
    sent = messages(thought, call())
    assert isinstance(sent, list)
    assert sent[0]["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "e", "id": "rs_1", "index": 1},
    ]


@pytest.mark.parametrize("wire", list(WireFormat))
@pytest.mark.parametrize("rubbish", ["", "[]", "{}", "[1", "null", "5"])
def test_thinking_that_cannot_be_read_is_left_out(wire: WireFormat, rubbish: str) -> None:
    assert messages(Reasoning(wire=wire, json=rubbish), said(Role.ASSISTANT, "a")) == [
        {"role": "assistant", "content": [text("a")]}
    ]


def noted(*notes: object) -> Turn:
    return Turn(
        role=Role.ASSISTANT, parts=(TextPart(text="a"),), annotations=tuple(map(json.dumps, notes))
    )


def test_notes_go_along_with_their_answer() -> None:
    file = {"type": "file", "file": {"hash": "h", "name": "n"}}
    cited = {"type": "url_citation", "url_citation": {"url": "u"}}
    flat = {"type": "url_citation", "url": "v", "title": "t"}
    sent = messages(noted(file, cited), noted(flat))
    assert isinstance(sent, list)
    nested = {"type": "url_citation", "url_citation": {"url": "v", "title": "t"}}
    assert sent[0]["annotations"] == [file, cited, nested]


def test_a_note_that_is_none_is_left_out() -> None:
    turn = Turn(role=Role.ASSISTANT, parts=(TextPart(text="a"),), annotations=("", "5"))
    assert messages(turn) == [{"role": "assistant", "content": [text("a")]}]


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_instructions_go_before_the_system_message(role: Role) -> None:
    assert messages(said(role, "s"), said(Role.USER, "u"), instructions="i") == [
        {"role": role.value, "content": [text("i\n\n"), text("s")]},
        {"role": "user", "content": [text("u")]},
    ]


def test_instructions_make_a_system_message_where_there_is_none() -> None:
    sent = written(request(said(Role.USER, "u"), instructions="i"))
    assert "instructions" not in sent
    assert sent["messages"] == [
        {"role": "system", "content": [text("i")]},
        {"role": "user", "content": [text("u")]},
    ]


def test_a_longer_history_begins_with_the_same_bytes() -> None:
    items = (said(Role.SYSTEM, "s"), said(Role.USER, "u"), details("t"), said(Role.ASSISTANT, "a"))
    shorter, longer = (
        ChatCodec().encode(request(*items[:count]), ENDPOINT).body for count in (2, 4)
    )
    prefix, _, _ = shorter.partition(b'],"stream"')
    assert longer.startswith(prefix)


def test_half_a_character_anywhere_does_not_stop_the_request() -> None:
    torn = "a\ud83d"
    items = (
        Turn(
            role=Role.USER,
            parts=(
                TextPart(text=torn),
                ImagePart(url=torn),
                OpaquePart(json='{"type":"x","y":"\ud83d"}'),
                OpaquePart(json=r'{"type":"input_text","text":"\ud83d"}'),
            ),
        ),
        Reasoning(wire=WireFormat.CHAT, json='[{"text":"\ud83d"}]'),
        Turn(
            role=Role.ASSISTANT,
            parts=(TextPart(text="\ud83d\ude00"),),
            annotations=('{"type":"\ud83d"}',),
            phase=torn,
        ),
        ToolCall(call_id=torn, name=torn, arguments=torn),
        ToolOutput(call_id=torn, output=torn),
    )
    tools = (
        Tool(name=torn, description=torn, parameters_json='{"a":"\ud83d"}'),
        OpaqueTool(json='{"type":"\ud83d"}'),
    )
    parameters = (Parameter(name="preset", json='"a\ud83d"'), Parameter(name="trace", json="{NaN"))
    asked = ChatRequest(
        request_id="r1", model=torn, items=items, tools=tools, parameters=parameters
    )
    mended = "a\ufffd"
    assert written(asked) == {
        "model": mended,
        "messages": [
            {
                "role": "user",
                "content": [
                    text(mended),
                    {"type": "image_url", "image_url": {"url": mended, "detail": "auto"}},
                    {"type": "x", "y": "\ufffd"},
                    text("\ufffd"),
                ],
            },
            {
                "role": "assistant",
                "content": [text("😀")],
                "tool_calls": [
                    {
                        "id": mended,
                        "type": "function",
                        "function": {"name": mended, "arguments": mended},
                    }
                ],
                "reasoning_details": [{"text": "\ufffd"}],
                "annotations": [{"type": "\ufffd"}],
                "phase": mended,
            },
            {"role": "tool", "content": mended, "tool_call_id": mended},
        ],
        "stream": True,
        "preset": mended,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": mended,
                    "parameters": {"a": "\ufffd"},
                    "description": mended,
                },
            },
            {"type": "\ufffd"},
        ],
    }


def test_what_only_the_other_endpoint_or_the_store_knows_is_left_out() -> None:
    kept = OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"local_shell_call"}')
    mark = Mark(artifact_id="0001HTMBY4XE60DACCVS")
    asked = said(Role.USER, "hi")
    call = ToolCall(call_id="c1", name="look", arguments="{}")
    output = ToolOutput(call_id="c1", output="seen")
    assert messages(kept, asked, mark, call, output) == messages(asked, call, output)
