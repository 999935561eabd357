"""What the codec writes is what the provider's own description of its interface allows.

The description stands beside the recorded streams, as `openapi.reduced.json`.
"""

import json
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from actors.ports import Endpoint, Secret
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
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
from bridge.openrouter.wire_parameters import CHAT_KEYS, RESPONSES_KEYS
from tests.integration.conformance import folder

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

ENDPOINT = Endpoint(base_url="https://provider.test", api_key=Secret("sk-test"))
# Documented for chat, and missing in the description.
EXTRAS = {
    "audio",
    "include_reasoning",
    "max_tool_calls",
    "preset",
    "transforms",
    "verbosity",
    "web_search_options",
}
REASONING_EXTRAS = {"max_tokens", "enabled", "exclude"}
MESSAGE_EXTRAS = {"annotations", "phase"}
# Told in another way, refused, or without effect (SPEC 107, FACTS).
NEVER_SENT = {"reasoning_effort", "stream_options"}
NEVER_SENT_TO_RESPONSES = {"background", "previous_response_id", "store", "truncation"}
ITS_OWN = {"model", "messages", "input", "stream", "tools"}


@cache
def schemas() -> dict[str, dict[str, object]]:
    streams = folder()
    assert streams is not None
    document = json.loads((streams.parent / "openapi.reduced.json").read_text("utf-8"))
    found: dict[str, dict[str, object]] = document["components"]["schemas"]
    return found


def known(name: str) -> set[str]:
    """The fields that the description has for one kind of object."""
    properties = schemas()[name]["properties"]
    assert isinstance(properties, dict)
    return set(properties)


@cache
def validator() -> Draft202012Validator:
    root = {"$ref": "#/components/schemas/ChatRequest", "components": {"schemas": schemas()}}
    return Draft202012Validator(root)


def sent(request: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(ChatCodec().encode(request, ENDPOINT).body)
    return body


def assert_is_allowed(body: dict[str, object]) -> None:
    described = {name: value for name, value in body.items() if name not in EXTRAS}
    if isinstance(reasoning := described.get("reasoning"), dict):
        described["reasoning"] = without(reasoning, REASONING_EXTRAS)
    messages = described["messages"]
    assert isinstance(messages, list)
    described["messages"] = [without(message, MESSAGE_EXTRAS) for message in messages]
    assert set(described) <= known("ChatRequest")
    errors = [(error.json_path, error.message) for error in validator().iter_errors(described)]
    assert errors == []


def without(value: dict[str, object], names: set[str]) -> dict[str, object]:
    return {name: member for name, member in value.items() if name not in names}


def recorded() -> tuple[tuple[str, dict[str, object]], ...]:
    """The chat requests that got the recorded answers."""
    streams = folder()
    if streams is None:
        return ()
    bodies = [
        (path.name, json.loads(path.read_text("utf-8")))
        for path in sorted(streams.glob("*chat-*.request.json"))
    ]
    return tuple((name, body) for name, body in bodies if body.get("messages"))


def rebuilt(body: dict[str, object]) -> ChatRequest:
    """The house's request that asks for the same."""
    messages, tools = body["messages"], body.get("tools") or ()
    assert isinstance(messages, list)
    assert isinstance(tools, list | tuple)
    others = {name: value for name, value in body.items() if name not in ITS_OWN}
    return ChatRequest(
        request_id="r",
        model=str(body["model"]),
        items=tuple(item for message in messages for item in items_of(message)),
        parameters=tuple(Parameter(name=n, json=json.dumps(value)) for n, value in others.items()),
        tools=tuple(map(tool_of, tools)),
        is_streaming=bool(body.get("stream")),
    )


def items_of(message: dict[str, object]) -> Iterator[Item]:
    if message["role"] == "tool":
        yield ToolOutput(call_id=str(message["tool_call_id"]), output=str(message["content"]))
        return
    if details := message.get("reasoning_details"):
        yield Reasoning(wire=WireFormat.CHAT, json=json.dumps(details))
    parts = tuple(part_of(part) for part in listed(message.get("content")))
    if parts:
        yield Turn(role=Role(message["role"]), parts=parts)
    calls = message.get("tool_calls") or ()
    assert isinstance(calls, list | tuple)
    for call in calls:
        function = call["function"]
        yield ToolCall(
            call_id=call["id"], name=function["name"], arguments=function.get("arguments") or ""
        )


def listed(content: object) -> list[object]:
    """A content in its longer form, which is the one that is sent."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def part_of(part: object) -> Part:
    match part:
        case {"type": "text", "text": str(text), **rest} if not rest:
            return TextPart(text=text)
        case {"type": "image_url", "image_url": {"url": str(url), "detail": str(detail)}}:
            return ImagePart(url=url, detail=detail)
        case _:
            return OpaquePart(json=json.dumps(part))


def tool_of(tool: dict[str, object]) -> Tool | OpaqueTool:
    match tool:
        case {"type": "function", "function": {"name": str(name), "parameters": schema, **rest}}:
            return Tool(
                name=name,
                description=str(rest.get("description") or ""),
                parameters_json=json.dumps(schema),
                strict=rest.get("strict"),
            )
        case _:
            return OpaqueTool(json=json.dumps(tool))


def words_of(message: dict[str, object]) -> dict[str, object]:
    """What a message says, in its longer form."""
    content = message.get("content")
    told = {
        "role": message["role"],
        "content": content if message["role"] == "tool" else listed(content),
        "tool_calls": message.get("tool_calls"),
        "reasoning_details": message.get("reasoning_details"),
        "tool_call_id": message.get("tool_call_id"),
    }
    return {name: value for name, value in told.items() if value}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in recorded()])
def test_a_recorded_request_is_written_again_as_it_was(body: dict[str, object]) -> None:
    again = sent(rebuilt(body))
    assert_is_allowed(again)
    messages, before = again["messages"], body["messages"]
    assert isinstance(messages, list)
    assert isinstance(before, list)
    assert list(map(words_of, messages)) == list(map(words_of, before))
    # An empty object asks for nothing.
    kept = {
        key: value for key, value in body.items() if key in CHAT_KEYS and value not in (None, {})
    }
    assert {key: again.get(key) for key in kept} == kept
    assert (again["model"], again["stream"]) == (body["model"], bool(body.get("stream")))
    assert len(again.get("tools", ())) == len(body.get("tools") or ())


def test_every_parameter_that_the_endpoints_describe_is_known() -> None:
    assert known("ChatRequest") - ITS_OWN - NEVER_SENT == CHAT_KEYS - EXTRAS
    described = known("ResponsesRequest") - ITS_OWN - NEVER_SENT_TO_RESPONSES
    assert described == RESPONSES_KEYS - {"preset", "transforms"}


TEXTS = st.text(max_size=10)
WORDS = st.text("abcdef", min_size=1, max_size=8)
TEXT_PARTS = st.builds(TextPart, text=TEXTS)
BLOCKS: tuple[dict[str, object], ...] = (
    {"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral"}},
    {"type": "input_image", "image_url": "u", "detail": "low"},
    {"type": "input_file", "filename": "f", "file_url": "u"},
    {"type": "input_file", "file_id": "i"},
    {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
    {"type": "input_video", "video_url": "u"},
    {"type": "input_video", "video_url": {"url": "u"}},
    {"type": "file", "file": {"file_data": "d"}},
    {"type": "video_url", "video_url": {"url": "u"}},
)
PARTS = st.one_of(
    TEXT_PARTS,
    st.builds(ImagePart, url=TEXTS, detail=st.sampled_from(["auto", "low", "high", "original"])),
    st.sampled_from(BLOCKS).map(lambda block: OpaquePart(json=json.dumps(block))),
)
REASONING_ITEMS = st.fixed_dictionaries(
    {"type": st.just("reasoning"), "id": WORDS},
    optional={
        "summary": st.lists(
            st.fixed_dictionaries({"type": st.just("summary_text"), "text": TEXTS})
        ),
        "content": st.lists(
            st.fixed_dictionaries({"type": st.just("reasoning_text"), "text": TEXTS})
        ),
        "encrypted_content": TEXTS,
        "signature": TEXTS | st.none(),
        "format": st.sampled_from(["anthropic-claude-v1", "unknown", None]),
    },
)
ITEMS = st.one_of(
    st.builds(
        Turn,
        role=st.sampled_from([Role.SYSTEM, Role.DEVELOPER]),
        parts=st.lists(TEXT_PARTS, max_size=3).map(tuple),
    ),
    st.builds(Turn, role=st.just(Role.USER), parts=st.lists(PARTS, max_size=3).map(tuple)),
    st.builds(
        Turn,
        role=st.just(Role.ASSISTANT),
        parts=st.lists(TEXT_PARTS, max_size=3).map(tuple),
        annotations=st.just(('{"type":"file","file":{"hash":"h"}}',)),
        phase=st.sampled_from(["", "commentary", "final_answer"]),
    ),
    st.builds(ToolCall, call_id=WORDS, name=WORDS, arguments=TEXTS),
    st.builds(ToolOutput, call_id=WORDS, output=TEXTS),
    st.builds(
        lambda item: Reasoning(wire=WireFormat.RESPONSES, json=json.dumps(item)), REASONING_ITEMS
    ),
    st.builds(
        lambda text: Reasoning(
            wire=WireFormat.CHAT, json=json.dumps([{"type": "reasoning.text", "text": text}])
        ),
        TEXTS,
    ),
)
TOOLS = st.one_of(
    st.builds(
        Tool,
        name=WORDS,
        description=TEXTS,
        parameters_json=st.sampled_from(['{"type":"object"}', "", "[]"]),
        strict=st.none() | st.booleans(),
    ),
    st.sampled_from(
        [
            OpaqueTool(json='{"type":"openrouter:web_search"}'),
            OpaqueTool(json='{"type":"function","name":"f","parameters":null}'),
        ]
    ),
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.just("0.5") | st.just(" ")
FORMATS = (
    {"type": "text"},
    {"type": "json_object"},
    {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": None}},
    {"type": "json_schema", "name": "n", "schema": {}},
    {"type": "xml"},
)
EFFORTS = ("none", "low", "max", None)
CHOICES = (
    "auto",
    "any",
    {"type": "function", "name": "f"},
    {"type": "function", "function": {"name": "f"}},
    {"type": "allowed_tools", "mode": "required", "tools": []},
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("temperature", "top_p", "min_p", "top_k", "seed", "max_tokens", "max_output_tokens"),
            NUMBERS,
        ),
        "reasoning": st.fixed_dictionaries(
            {},
            optional={
                "effort": st.sampled_from(EFFORTS),
                "max_tokens": NUMBERS,
                "exclude": st.booleans(),
                "summary": st.sampled_from(["auto", None]),
            },
        ),
        "reasoning_effort": st.sampled_from(EFFORTS),
        "response_format": st.sampled_from(FORMATS),
        "text": st.fixed_dictionaries(
            {}, optional={"format": st.sampled_from(FORMATS), "verbosity": st.just("low")}
        ),
        "tool_choice": st.sampled_from(CHOICES),
        "function_call": st.sampled_from(["none", {"name": "f"}]),
        "stop": TEXTS | st.lists(TEXTS, max_size=6),
        "parallel_tool_calls": st.booleans() | st.just("true"),
        "instructions": TEXTS,
        "metadata": st.dictionaries(WORDS, TEXTS | st.integers(), max_size=20),
        "session_id": st.text(max_size=300),
        "user": st.text(max_size=200),
    },
)
GREETING = Turn(role=Role.USER, parts=(TextPart(text="hi"),))


@given(
    items=st.lists(ITEMS, max_size=6),
    tools=st.lists(TOOLS, max_size=2),
    given_values=PARAMETERS,
    cache_ttl=st.sampled_from([None, "5m", "1h"]),
    is_streaming=st.booleans(),
)
def test_whatever_is_asked_for_is_written_as_the_provider_describes_it(
    items: list[Item],
    tools: list[Tool | OpaqueTool],
    given_values: dict[str, object],
    cache_ttl: str | None,
    is_streaming: bool,
) -> None:
    parameters = tuple(
        Parameter(name=name, json=json.dumps(value)) for name, value in given_values.items()
    )
    request = ChatRequest(
        request_id="r",
        model="maker/model",
        items=(*items, GREETING),
        parameters=parameters,
        tools=tuple(tools),
        cache_ttl=cache_ttl,
        is_streaming=is_streaming,
    )
    assert_is_allowed(sent(request))
