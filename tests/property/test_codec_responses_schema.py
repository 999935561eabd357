"""Whatever the house asks for, the body fits the description of the endpoint.

The description is read from the folder that `GREENROOM_CONFORMANCE` names.
"""

import json
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from actors.ports import Endpoint, Secret
from actors.values import (
    ChatRequest,
    ImagePart,
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

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]

ENDPOINT = Endpoint(base_url="https://provider.test", api_key=Secret("sk-test"))
DESCRIPTION = "openapi.reduced.json"

# Surrogates too: some program may have cut a character in two.
TEXTS = st.text(max_size=8)
WORDS = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=8)
MARKS = st.sampled_from([{}, {"cache_control": {"type": "ephemeral"}}, {"cache_control": None}])
URLS = st.sampled_from(["https://a.test/x", "data:image/png;base64,AA==", "data:text/plain,x"])


def as_json(value: object) -> str:
    return json.dumps(value)


def block(kind: str, mark: dict[str, object], **fields: object) -> OpaquePart:
    return OpaquePart(json=as_json({"type": kind, **fields, **mark}))


SPOKEN = st.builds(lambda text, mark: block("text", mark, text=text), TEXTS, MARKS)
MEDIA = st.one_of(
    st.builds(ImagePart, url=URLS, detail=st.sampled_from(["auto", "low", "high"])),
    st.builds(
        lambda url, mark, detail: block("image_url", mark, image_url={"url": url, **detail}),
        URLS,
        MARKS,
        st.sampled_from([{}, {"detail": "high"}, {"detail": "ultra"}, {"detail": None}]),
    ),
    st.builds(lambda url, mark: block("image_url", mark, image_url=url), URLS, MARKS),
    st.builds(lambda url, mark: block("input_image", mark, image_url=url), URLS, MARKS),
    st.builds(
        lambda url, mark: block("file", mark, file={"filename": "a", "file_data": url}), URLS, MARKS
    ),
    st.builds(lambda mark: block("input_file", mark, file_id="file-1"), MARKS),
    st.builds(lambda url, mark: block("video_url", mark, video_url={"url": url}), URLS, MARKS),
    st.builds(
        lambda mark, kind: block("input_audio", mark, input_audio={"data": "AA==", "format": kind}),
        MARKS,
        st.sampled_from(["mp3", "wav"]),
    ),
)
PARTS = st.lists(st.builds(TextPart, text=TEXTS) | SPOKEN | MEDIA, max_size=3).map(tuple)
NOTES = st.lists(
    st.one_of(
        st.builds(
            lambda url, title: as_json({"type": "url_citation", "url": url, "title": title}),
            URLS,
            TEXTS,
        ),
        st.builds(
            lambda url: as_json({"type": "url_citation", "url_citation": {"url": url}}), URLS
        ),
        st.just(as_json({"type": "file", "file": {"hash": "h", "name": "n", "content": []}})),
        st.just(as_json({"type": "file_path", "file_id": "f", "index": 0})),
        TEXTS,
    ),
    max_size=2,
).map(tuple)
TURNS = st.builds(Turn, role=st.sampled_from([Role.SYSTEM, Role.DEVELOPER, Role.USER]), parts=PARTS)
ANSWERS = st.builds(
    Turn,
    role=st.just(Role.ASSISTANT),
    parts=PARTS,
    annotations=NOTES,
    phase=st.sampled_from(["", "commentary", "final_answer"]),
)
DETAILS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["reasoning.text", "reasoning.summary", "reasoning.encrypted", "reasoning.new"]
            ),
            "index": st.integers(0, 2) | st.none(),
            "id": st.sampled_from([None, "rs_1", "tool_2"]),
            "format": st.sampled_from([None, "anthropic-claude-v1", "openai-responses-v1"]),
        },
        optional={
            "text": TEXTS | st.none(),
            "summary": TEXTS,
            "data": WORDS,
            "signature": WORDS | st.none(),
        },
    ),
    max_size=4,
).map(as_json)
THOUGHTS = st.one_of(
    st.builds(Reasoning, wire=st.just(WireFormat.CHAT), json=DETAILS),
    st.builds(
        lambda text, kind: Reasoning(
            wire=WireFormat.RESPONSES,
            json=as_json(
                {
                    "type": kind,
                    "id": "rs_1",
                    "summary": [{"type": "summary_text", "text": text}],
                    "encrypted_content": "gA==.e30",
                }
            ),
        ),
        TEXTS,
        st.sampled_from(["reasoning", "web_search_call", "image_generation_call"]),
    ),
)
ITEMS = st.lists(
    st.one_of(
        TURNS,
        ANSWERS,
        THOUGHTS,
        st.builds(ToolCall, call_id=WORDS, name=WORDS, arguments=TEXTS | st.just("{}")),
        st.builds(ToolOutput, call_id=WORDS, output=TEXTS),
    ),
    max_size=5,
).map(tuple)
TOOLS = st.lists(
    st.one_of(
        st.builds(
            Tool,
            name=WORDS,
            description=TEXTS,
            parameters_json=st.sampled_from(["", '{"type":"object"}']),
            strict=st.none() | st.booleans(),
        ),
        st.builds(
            lambda name, more: OpaqueTool(
                json=as_json({"type": "function", "function": {"name": name, **more}})
            ),
            WORDS,
            st.sampled_from([{}, {"description": "d"}, {"parameters": {}, "strict": None}]),
        ),
        st.just(OpaqueTool(json='{"type":"openrouter:web_search","parameters":{"max_results":3}}')),
    ),
    max_size=3,
).map(tuple)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "max_tokens": st.integers(1, 1000),
        "reasoning_effort": st.sampled_from(["none", "low", "high"]),
        "response_format": st.just({"type": "json_object"}),
    },
).map(lambda given: tuple(Parameter(name=name, json=as_json(v)) for name, v in given.items()))
REQUESTS = st.builds(
    ChatRequest,
    request_id=st.just("r"),
    model=WORDS,
    items=ITEMS,
    parameters=PARAMETERS,
    tools=TOOLS,
    cache_ttl=st.sampled_from([None, "5m", "1h"]),
    is_streaming=st.booleans(),
)


def descriptions() -> list[Path]:
    named = os.environ.get("GREENROOM_CONFORMANCE")
    return [Path(named) / DESCRIPTION] if named else []


@cache
def validator(path: Path) -> Draft202012Validator:
    document = json.loads(path.read_text("utf-8"))
    return Draft202012Validator(
        {
            "$ref": "#/components/schemas/ResponsesRequest",
            "components": {"schemas": document["components"]["schemas"]},
        }
    )


@pytest.mark.parametrize("path", descriptions(), ids=lambda path: path.name)
@given(request=REQUESTS)
def test_every_body_fits_the_description_of_the_endpoint(path: Path, request: ChatRequest) -> None:
    body = json.loads(ResponsesCodec().encode(request, ENDPOINT).body)
    error = next(validator(path).iter_errors(body), None)
    assert error is None, (error.message, list(error.absolute_path))
    assert "input" in body
    assert body["model"]


@pytest.mark.parametrize("path", descriptions(), ids=lambda path: path.name)
@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "text"}]},
        {"type": "function_call", "call_id": "c", "name": "n"},
        {"type": "reasoning", "summary": []},
    ],
)
def test_the_description_refuses_what_does_not_fit(path: Path, item: dict[str, object]) -> None:
    """Or the test above would hold for anything."""
    assert not validator(path).is_valid({"model": "m", "input": [item]})
