"""What a person said reaches the wire word for word, and only allowed keys do."""

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.ports import Endpoint, Secret
from actors.values import (
    ChatRequest,
    ImagePart,
    Item,
    OpaquePart,
    Parameter,
    Part,
    Reasoning,
    Role,
    TextPart,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.openrouter.wire_parameters import RESPONSES_KEYS

ENDPOINT = Endpoint(base_url="https://provider.test", api_key=Secret("sk-test"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip
PARTS = st.one_of(
    st.builds(TextPart, text=TEXTS),
    st.builds(ImagePart, url=TEXTS, detail=st.sampled_from(["auto", "low", "high"])),
    st.builds(OpaquePart, json=st.builds(json.dumps, st.fixed_dictionaries({"type": TEXTS}))),
)
TURNS = st.lists(
    st.builds(Turn, role=st.sampled_from(Role), parts=st.lists(PARTS, min_size=1).map(tuple))
).map(tuple)
DETAILS = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("reasoning.text"), "text": TEXTS, "signature": st.none() | st.just("s")}
    ),
    max_size=3,
)
ITEMS = st.lists(
    st.one_of(
        TURNS.filter(bool).map(lambda turns: turns[0]),
        st.builds(ToolCall, call_id=TEXTS, name=TEXTS, arguments=TEXTS),
        st.builds(ToolOutput, call_id=TEXTS, output=TEXTS),
        st.builds(Reasoning, wire=st.just(WireFormat.CHAT), json=st.builds(json.dumps, DETAILS)),
        st.builds(
            Reasoning,
            wire=st.just(WireFormat.RESPONSES),
            json=st.builds(lambda text: json.dumps({"type": "reasoning", "id": text}), TEXTS),
        ),
    ),
    max_size=6,
).map(tuple)
SPELLINGS = (*sorted(RESPONSES_KEYS), "max_tokens", "reasoning_effort", "response_format")
NAMES = st.sampled_from((*SPELLINGS, "verbosity", "user", "n", "store", "input", "model"))


def body_of(request: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(ResponsesCodec().encode(request, ENDPOINT).body)
    return body


def part_of(content: dict[str, str]) -> Part:
    match content:
        case {"type": "input_text" | "output_text", "text": text}:
            return TextPart(text=text)
        case {"type": "input_image", "image_url": url, "detail": detail}:
            return ImagePart(url=url, detail=detail)
        case _:
            return OpaquePart(json=json.dumps(content))


@given(turns=TURNS)
def test_the_history_can_be_read_back_from_the_body(turns: tuple[Turn, ...]) -> None:
    items = body_of(ChatRequest(request_id="r", model="m", items=turns))["input"]
    assert isinstance(items, list)
    read_back = tuple(
        Turn(role=Role(item["role"]), parts=tuple(map(part_of, item["content"]))) for item in items
    )
    assert read_back == turns


@given(given_values=st.dictionaries(NAMES, JSON_VALUES, max_size=6))
def test_any_parameters_make_a_body_of_allowed_keys_without_nulls(
    given_values: dict[str, object],
) -> None:
    parameters = tuple(
        Parameter(name=name, json=json.dumps(value)) for name, value in given_values.items()
    )
    body = body_of(ChatRequest(request_id="r", model="m", items=(), parameters=parameters))
    assert set(body) <= {"model", "input", "stream"} | RESPONSES_KEYS
    assert None not in body.values()
    assert (body["model"], body["input"], body["stream"]) == ("m", [], True)


@given(items=ITEMS, more=ITEMS)
def test_a_history_that_went_on_begins_with_the_same_bytes(
    items: tuple[Item, ...], more: tuple[Item, ...]
) -> None:
    """SPEC 121: or no provider's prompt cache would know it again."""
    shorter = ChatRequest(request_id="r", model="m", items=items)
    longer = ChatRequest(request_id="other", model="m", items=(*items, *more))
    prefix, _, _ = ResponsesCodec().encode(shorter, ENDPOINT).body.rpartition(b'],"stream"')
    assert ResponsesCodec().encode(longer, ENDPOINT).body.startswith(prefix)
    assert ResponsesCodec().encode(shorter, ENDPOINT).body.startswith(prefix + b"]")
