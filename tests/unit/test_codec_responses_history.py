"""Calls, thinking, notes and tools on their way to POST /responses."""

import json

import pytest

from actors.ports import Endpoint, ProviderCall, Secret
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    Mark,
    OpaqueItem,
    OpaquePart,
    OpaqueTool,
    Parameter,
    Reasoning,
    Role,
    TextPart,
    Tool,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.openrouter.codec_responses import ResponsesCodec

ENDPOINT = Endpoint(base_url="https://provider.test/api/v1", api_key=Secret("sk-test"))
CALL = ToolCall(call_id="call_1", name="look", arguments='{"a": 1}')
OUTPUT = ToolOutput(call_id="call_1", output="seen")
CITATION = '{"type":"url_citation", "url":"u","title":"t","start_index":0,"end_index":1}'


def request(
    *items: Item,
    tools: tuple[Tool | OpaqueTool, ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    cache_ttl: str | None = None,
    is_streaming: bool = True,
    **parameters: object,
) -> ChatRequest:
    return ChatRequest(
        request_id="r1",
        model="maker/model",
        items=items,
        tools=tools,
        headers=headers,
        cache_ttl=cache_ttl,
        is_streaming=is_streaming,
        parameters=tuple(
            Parameter(name=name, json=json.dumps(value)) for name, value in parameters.items()
        ),
    )


def encoded(asked: ChatRequest) -> ProviderCall:
    return ResponsesCodec().encode(asked, ENDPOINT)


def body_of(asked: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(encoded(asked).body)
    return body


def items_of(*items: Item) -> object:
    return body_of(request(*items))["input"]


def answer(*texts: str, annotations: tuple[str, ...] = (), phase: str = "") -> Turn:
    parts = tuple(TextPart(text=text) for text in texts)
    return Turn(role=Role.ASSISTANT, parts=parts, annotations=annotations, phase=phase)


# --- calls (SPEC 32, 35) ----------------------------------------------------------------------


def test_a_call_and_its_output_go_with_the_fields_that_count_and_no_others() -> None:
    assert items_of(CALL, OUTPUT) == [
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "seen"},
    ]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    (item,) = items_of(ToolCall(call_id="c", name="now", arguments=""))
    assert item["arguments"] == "{}"


def test_arguments_that_are_no_json_go_as_the_model_wrote_them() -> None:
    (item,) = items_of(ToolCall(call_id="c", name="sql", arguments='{"a":"The c'))
    assert item["arguments"] == '{"a":"The c'


# --- thinking ---------------------------------------------------------------------------------


def test_thinking_of_this_endpoint_goes_back_byte_for_byte_before_what_it_led_to() -> None:
    thought = '{"type":"reasoning",  "id":"rs_1","summary":[],"encrypted_content":"x","n":1.0}'
    body = encoded(request(Reasoning(wire=WireFormat.RESPONSES, json=thought), CALL)).body
    assert b'"input":[' + thought.encode() + b',{"type":"function_call"' in body


def test_thinking_that_chat_gave_goes_as_items() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "sig", "format": "f", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "id": "rs_9", "format": "f", "index": 1},
    ]
    thought = Reasoning(wire=WireFormat.CHAT, json=json.dumps(details))
    assert items_of(answer("Hi"), thought) == [
        *items_of(answer("Hi")),
        {
            "type": "reasoning",
            "id": "rs_1_0",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "Hm"}],
            "signature": "sig",
            "format": "f",
        },
        {"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": "x", "format": "f"},
    ]


@pytest.mark.parametrize(
    "kind", ["image_generation_call", "web_search_call", "file_search_call", "local_shell_call"]
)
def test_items_that_the_provider_does_not_take_back_are_left_out(kind: str) -> None:
    """SPEC 36."""
    item = json.dumps({"type": kind, "id": "x"})
    turn = Turn(role=Role.USER, parts=(OpaquePart(json=item),))
    assert items_of(Reasoning(wire=WireFormat.RESPONSES, json=item), turn, CALL) == items_of(CALL)


@pytest.mark.parametrize("broken", ["", "null", "[]", "{", '"x"'])
def test_thinking_that_is_no_item_does_not_spoil_the_request(broken: str) -> None:
    for wire in WireFormat:
        assert items_of(Reasoning(wire=wire, json=broken), CALL) == items_of(CALL)


@pytest.mark.parametrize(
    ("reasoning", "is_asked_for"),
    [
        ({"effort": "low"}, True),
        ({"enabled": True}, True),
        ({"max_tokens": 2000}, True),
        ({"effort": "none"}, False),
        ({"enabled": False}, False),
        (None, False),
    ],
)
def test_sealed_thinking_is_asked_for_where_there_is_thinking(
    reasoning: object, is_asked_for: bool
) -> None:
    body = body_of(request(reasoning=reasoning))
    assert body.get("include") == (["reasoning.encrypted_content"] if is_asked_for else None)


@pytest.mark.parametrize("include", [[], ["message.input_image.image_url"]])
def test_what_the_caller_wants_included_stands(include: list[str]) -> None:
    body = body_of(request(reasoning={"effort": "low"}, include=include))
    assert body["include"] == include


# --- answers of before ------------------------------------------------------------------------


def test_the_phase_of_an_answer_goes_back_with_it() -> None:
    (item,) = items_of(answer("Looking", phase="commentary"))
    assert item["phase"] == "commentary"


def test_the_notes_of_an_answer_go_back_with_its_last_text() -> None:
    (item,) = items_of(answer("a", "b", annotations=(CITATION,)))
    assert item["content"] == [
        {"type": "output_text", "text": "a", "annotations": []},
        {"type": "output_text", "text": "b", "annotations": [json.loads(CITATION)]},
    ]


def test_a_note_in_the_right_shape_goes_back_byte_for_byte() -> None:
    assert CITATION.encode() in encoded(request(answer("a", annotations=(CITATION,)))).body


def test_an_answer_with_a_picture_goes_as_what_the_endpoint_takes_for_input() -> None:
    picture = ImagePart(url="data:image/png;base64,AA==")
    turn = Turn(role=Role.ASSISTANT, parts=(TextPart(text="Look"), picture), phase="commentary")
    assert items_of(turn) == [
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "input_text", "text": "Look"},
                {
                    "type": "input_image",
                    "image_url": "data:image/png;base64,AA==",
                    "detail": "auto",
                },
            ],
            "phase": "commentary",
        }
    ]


# --- tools ------------------------------------------------------------------------------------

SCHEMA = '{"type":"object", "properties":{"a":{"type":"number"}},"x":1.0}'


def test_a_tool_goes_flat_and_its_schema_byte_for_byte() -> None:
    tool = Tool(name="look", description="Looks.", parameters_json=SCHEMA, strict=True)
    asked = request(tools=(tool,))
    assert body_of(asked)["tools"] == [
        {
            "type": "function",
            "name": "look",
            "description": "Looks.",
            "parameters": json.loads(SCHEMA),
            "strict": True,
        }
    ]
    assert SCHEMA.encode() in encoded(asked).body


def test_a_tool_says_no_more_than_is_known_of_it() -> None:
    tool = Tool(name="now", description="", parameters_json="")
    assert body_of(request(tools=(tool,)))["tools"] == [
        {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}}
    ]


def test_a_tool_that_runs_at_the_provider_passes_byte_for_byte() -> None:
    tool = '{"type":"openrouter:web_search",  "parameters":{"max_results":3}}'
    assert b'"tools":[' + tool.encode() in encoded(request(tools=(OpaqueTool(json=tool),))).body


def test_a_function_in_the_spelling_of_chat_is_taken_out_of_its_box() -> None:
    function = {
        "name": "look",
        "description": "L",
        "parameters": {"type": "object"},
        "strict": False,
    }
    tool = OpaqueTool(json=json.dumps({"type": "function", "function": function}))
    assert body_of(request(tools=(tool,)))["tools"] == [{"type": "function", **function}]


def test_a_request_without_tools_says_nothing_of_them() -> None:
    assert "tools" not in body_of(request())


# --- the rest ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ttl", "mark"),
    [("5m", {"type": "ephemeral"}), ("1h", {"type": "ephemeral", "ttl": "1h"}), (None, None)],
)
def test_the_prefix_to_cache_is_marked_once_for_the_whole_request(
    ttl: str | None, mark: object
) -> None:
    """SPEC 121."""
    assert body_of(request(cache_ttl=ttl)).get("cache_control") == mark


def test_a_cache_mark_of_the_caller_stands() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert body_of(request(cache_ttl="5m", cache_control=mark))["cache_control"] == mark


def test_a_request_for_a_body_says_so_to_the_endpoint_and_to_the_client() -> None:
    call = encoded(request(is_streaming=False))
    assert (json.loads(call.body)["stream"], call.is_streaming) == (False, False)
    assert encoded(request()).is_streaming


def test_headers_of_a_request_go_with_its_call() -> None:
    headers = (("x-anthropic-beta", "interleaved-thinking-2025-05-14"),)
    assert encoded(request(headers=headers)).headers == headers


def test_half_a_character_anywhere_in_the_history_does_not_stop_the_request() -> None:
    torn = "\ud83d"
    body = body_of(
        request(
            ToolCall(call_id="c", name="n", arguments=f'{{"a":"{torn}"}}'),
            ToolOutput(call_id="c", output=torn),
            Reasoning(
                wire=WireFormat.RESPONSES, json=f'{{"type":"reasoning","id":"{torn}","summary":[]}}'
            ),
            Reasoning(wire=WireFormat.CHAT, json=f'[{{"type":"reasoning.text","text":"{torn}"}}]'),
            answer(torn, annotations=(CITATION.replace('"t"', f'"{torn}"'),), phase=torn),
            tools=(
                Tool(name="t", description=torn, parameters_json=f'{{"a":"{torn}"}}'),
                OpaqueTool(json=f'{{"type":"x","a":"{torn}"}}'),
            ),
        )
    )
    assert json.dumps(body, ensure_ascii=False).count("\ufffd") == 10


def test_half_a_character_that_json_escapes_does_not_stop_the_request_either() -> None:
    details = r'[{"type":"reasoning.text","text":"\ud83d"}]'
    function = r'{"type":"function","function":{"name":"n","description":"\ud83d","parameters":{}}}'
    body = body_of(
        request(
            Reasoning(wire=WireFormat.CHAT, json=details),
            answer("a", annotations=(r'{"type":"url_citation","url":"u","title":"\ud83d"}',)),
            tools=(OpaqueTool(json=function),),
        )
    )
    assert json.dumps(body, ensure_ascii=False).count("\ufffd") == 3


def test_an_item_that_the_house_does_not_know_goes_back_to_its_own_endpoint() -> None:
    kept = OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"local_shell_call", "id":"sh_1"}')
    body = encoded(request(kept)).body
    assert kept.json.encode() in body
    assert items_of(OpaqueItem(wire=WireFormat.CHAT, json='{"role":"tool"}')) == []


def test_a_mark_that_nothing_took_the_place_of_is_left_out() -> None:
    assert items_of(Mark(artifact_id="0001HTMBY4XE60DACCVS"), CALL, OUTPUT) == items_of(
        CALL, OUTPUT
    )
