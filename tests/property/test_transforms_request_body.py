from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.values import (
    ChatRequest,
    ImagePart,
    Model,
    OpaquePart,
    OpaqueTool,
    Reasoning,
    TextPart,
    Tool,
    ToolCall,
    ToolOutput,
    Turn,
)
from bridge.transforms.json_text import json_text
from bridge.transforms.model_ids import listed_id
from bridge.transforms.policy import Caller, RequestPolicy, caller_of
from bridge.transforms.request_body import CONTROL_KEYS, RequestInvalid, chat_request, read_body
from bridge.transforms.tasks import local_task_answer, task_request
from bridge.transforms.text import whole
from bridge.transforms.tool_specs import tools_of

TEXTS = st.text(alphabet=st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
# Nearly right bodies: the known keys, with anything below them.
BLOCKS = JSON | st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "input_image", "x"]) | JSON},
    optional={
        "text": JSON,
        "image_url": JSON | st.fixed_dictionaries({"url": JSON}),
        "cache_control": JSON,
    },
)
IDS_OF_CALLS = st.sampled_from(["c1", "c2", "", None]) | JSON
CALLS = JSON | st.fixed_dictionaries(
    {"id": IDS_OF_CALLS},
    optional={
        "function": JSON | st.fixed_dictionaries({"name": st.just("f") | JSON, "arguments": JSON})
    },
)
MESSAGES = JSON | st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | JSON},
    optional={
        "content": st.lists(BLOCKS, max_size=3) | BLOCKS,
        "tool_calls": st.lists(CALLS, max_size=3) | JSON,
        "tool_call_id": IDS_OF_CALLS,
        "reasoning_details": JSON,
        "annotations": JSON,
        "phase": JSON,
        "refusal": JSON,
    },
)
TOOLS = JSON | st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "openrouter:web_search"]) | JSON},
    optional={"name": st.just("f") | JSON, "function": JSON, "parameters": JSON, "strict": JSON},
)
BODIES = JSON | st.fixed_dictionaries(
    {"model": st.just("room.a.b") | JSON, "messages": st.lists(MESSAGES, max_size=6) | JSON},
    optional={
        "temperature": JSON,
        "user": JSON,
        "reasoning": JSON | st.fixed_dictionaries({"effort": JSON}, optional={"max_tokens": JSON}),
        "reasoning_effort": JSON,
        "include_reasoning": JSON,
        "plugins": JSON,
        "model_fallback": JSON,
        "disable_native_websearch": JSON,
        "tools": st.lists(TOOLS, max_size=3) | JSON,
        "function_call": JSON,
        "max_tokens": JSON,
    },
)
IDS = {"a.b": "a/b"}
MODELS = st.sampled_from(
    [
        Model(id="a/b", name="x"),
        Model(id="a/b", name="x", parameters=("reasoning",), output_tokens_max=5),
        Model(id="a/b", name="x", parameters=("reasoning",), is_reasoning_mandatory=True),
        Model(id="a/b", name="x", parameters=("include_reasoning", "web_search_options")),
        Model(id="a/b", name="x", parameters=("tools",), input_modalities=("text", "image")),
    ]
)
EFFORTS = st.sampled_from(["none", "minimal", "medium", "xhigh"])
POLICIES = st.builds(
    RequestPolicy,
    force_chat=st.sampled_from(["", "a/*"]),
    asks_reasoning=st.booleans(),
    reasoning_effort=EFFORTS,
    task_effort=EFFORTS,
    uses_output_max=st.booleans(),
    images_max=st.none() | st.integers(0, 2),
    output_turns_kept=st.integers(0, 2),
    sends_user=st.booleans(),
)


def assert_can_be_sent(request: ChatRequest) -> None:
    """Everything in it can be encoded, and whatever is JSON text is JSON."""
    assert request.items
    for item in request.items:
        match item:
            case Turn(parts=parts, annotations=annotations):
                assert parts
                for part in parts:
                    match part:
                        case TextPart(text=text):
                            assert text
                            assert text.encode()
                        case ImagePart(url=url):
                            assert url.encode()
                        case OpaquePart(json=text):
                            json.loads(text.encode())
                for note in annotations:
                    assert isinstance(json.loads(note.encode()), dict)
            case Reasoning(json=text):
                assert json.loads(text.encode())
            case ToolCall(call_id=call_id, name=name, arguments=arguments):
                assert f"{call_id}{name}{arguments}".encode()
                assert arguments
            case ToolOutput(output=output):
                output.encode()
    names = [parameter.name for parameter in request.parameters]
    assert len(names) == len(set(names))
    for parameter in request.parameters:
        assert json.loads(parameter.json.encode()) is not None


def pending(request: ChatRequest) -> list[str]:
    """Ids of calls whose output did not come yet, checking that every output has its call."""
    calls: list[str] = []
    for item in request.items:
        if isinstance(item, ToolCall):
            calls.append(item.call_id)
        elif isinstance(item, ToolOutput):
            calls.remove(item.call_id)
        else:
            assert calls == [], "outputs follow their calls at once"
    return calls


@given(body=BODIES)
def test_any_body_is_either_read_or_refused(body: object) -> None:
    try:
        made = read_body(body, request_id="r", function_id="room", model_ids=IDS)
    except RequestInvalid as error:
        f"{error} {error.got}".encode()
        return
    assert_can_be_sent(made.request)
    assert pending(made.request) == []
    assert {parameter.name for parameter in made.request.parameters}.isdisjoint(CONTROL_KEYS)


@given(body=BODIES, model=MODELS, policy=POLICIES, metadata=JSON, task=JSON)
def test_any_body_can_be_shaped_by_any_settings(
    body: object, model: Model, policy: RequestPolicy, metadata: object, task: object
) -> None:
    caller = caller_of(body, metadata)
    local_task_answer(task)
    for transform in (chat_request, task_request):
        try:
            request = transform(
                body,
                request_id="r",
                function_id="room",
                model_ids=IDS,
                models={"a/b": model},
                policy=policy,
                caller=Caller(user_id=caller.user_id, searches_web=True),
            )
        except RequestInvalid:
            continue
        assert_can_be_sent(request)
        assert pending(request) == []
        reasoning = {p.name: json.loads(p.json) for p in request.parameters}.get("reasoning")
        if model.is_reasoning_mandatory and isinstance(reasoning, dict):
            assert reasoning.get("effort") != "none"
            assert reasoning.get("enabled") is not False


@given(body=BODIES)
def test_tools_of_any_body_have_names_and_schemas(body: object) -> None:
    tools = tools_of(body)
    for tool in tools:
        match tool:
            case Tool(name=name, parameters_json=schema):
                assert len(name.encode()) > 0
                assert isinstance(json.loads(schema.encode()), dict)
            case OpaqueTool(json=text):
                assert json.loads(text.encode())["type"] != "function"
    names = [tool.name for tool in tools if isinstance(tool, Tool)]
    assert len(names) == len(set(names))


@given(words=st.lists(TEXTS.filter(bool), min_size=1))
def test_what_people_wrote_arrives_word_for_word(words: list[str]) -> None:
    messages = [{"role": "user", "content": text} for text in words]
    body = {"model": "room.a.b", "messages": messages}
    request = chat_request(body, request_id="r", function_id="room", model_ids=IDS)
    assert [item.parts for item in request.items if isinstance(item, Turn)] == [
        (TextPart(text=whole(t)),) for t in words
    ]


@given(exact=st.text(min_size=1).filter(lambda text: text.strip() == text))
def test_a_listed_model_is_mapped_back_to_its_exact_id(exact: str) -> None:
    body = {
        "model": f"room.{listed_id(exact)}",
        "messages": [{"role": "user", "content": "hi"}],
    }
    ids = {listed_id(exact): exact}
    request = chat_request(body, request_id="r", function_id="room", model_ids=ids)
    assert request.model == exact


@given(value=JSON)
def test_json_survives_unless_it_holds_half_a_character(value: object) -> None:
    text = json_text(value)
    text.encode()
    if not any("\ud800" <= char <= "\udfff" for char in json.dumps(value, ensure_ascii=False)):
        assert json.loads(text) == value


@given(text=TEXTS)
def test_whole_text_is_whole_and_stays_so(text: str) -> None:
    once = whole(text)
    once.encode()
    assert whole(once) == once
    assert len(once) <= len(text)
    if "\ufffd" not in once:
        assert once.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")
