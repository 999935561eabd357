import json

import pytest

from actors.ports import Endpoint, Secret
from actors.values import ChatRequest, OpaqueTool, Parameter, Tool
from bridge.openrouter.codec_chat import ChatCodec

ENDPOINT = Endpoint(base_url="https://provider.test/api/v1", api_key=Secret("sk-test"))
MARK = {"type": "ephemeral"}


def request(*, tools: tuple[Tool | OpaqueTool, ...] = (), **given: object) -> ChatRequest:
    parameters = tuple(Parameter(name=n, json=json.dumps(value)) for n, value in given.items())
    return ChatRequest(request_id="r1", model="m", items=(), parameters=parameters, tools=tools)


def written(asked: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(ChatCodec().encode(asked, ENDPOINT).body)
    return body


def test_a_function_is_nested_with_its_schema_byte_for_byte() -> None:
    schema = '{"type": "object",  "properties": {}}'
    tools = (
        Tool(name="f", description="d", parameters_json=schema, strict=True),
        Tool(name="g", description="", parameters_json="oops"),
    )
    asked = request(tools=tools)
    assert written(asked)["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {"type": "object", "properties": {}},
                "description": "d",
                "strict": True,
            },
        },
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
        },
    ]
    assert schema.encode() in ChatCodec().encode(asked, ENDPOINT).body


@pytest.mark.parametrize(
    ("tool", "sent"),
    [
        ({"type": "openrouter:web_search", "parameters": {"a": 1}}, None),
        ({"type": "function", "function": {"name": "f"}}, None),
        ({"type": "function", "name": "f", "strict": None, "cache_control": MARK},
         {"type": "function", "function": {"name": "f"}, "cache_control": MARK}),
    ],
)  # fmt: skip
def test_a_tool_of_the_provider_passes_and_a_flat_function_is_nested(
    tool: object, sent: object
) -> None:
    assert written(request(tools=(OpaqueTool(json=json.dumps(tool)),)))["tools"] == [sent or tool]


def test_a_tool_that_is_none_is_left_out() -> None:
    assert "tools" not in written(request(tools=(OpaqueTool(json="[]"), OpaqueTool(json="{"))))


def test_a_choice_among_tools_goes_only_with_tools() -> None:
    given: dict[str, object] = {
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": True,
    }
    tools = (Tool(name="f", description="", parameters_json="{}"),)
    assert set(written(request(**given))) == {"model", "messages", "stream"}
    sent = written(request(tools=tools, **given))
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert sent["parallel_tool_calls"] is True
