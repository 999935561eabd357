"""What a person said reaches the wire word for word, and only allowed keys do."""

import json
from itertools import pairwise

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
from bridge.openrouter.codec_chat import ChatCodec
from bridge.openrouter.wire_parameters import CHAT_KEYS, RESPONSES_KEYS, responses_parameters

ENDPOINT = Endpoint(base_url="https://provider.test", api_key=Secret("sk-test"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = st.text("abcdef", min_size=1, max_size=5)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip
PARTS = st.one_of(
    st.builds(TextPart, text=TEXTS),
    st.builds(ImagePart, url=TEXTS, detail=st.sampled_from(["auto", "low", "high"])),
    st.builds(OpaquePart, json=st.builds(json.dumps, st.fixed_dictionaries({"type": WORDS}))),
    st.builds(
        OpaquePart,
        json=st.builds(lambda text: json.dumps({"type": "text", "text": text}, indent=1), TEXTS),
    ),
)
TURNS = st.builds(Turn, role=st.sampled_from(Role), parts=st.lists(PARTS, min_size=1).map(tuple))
DETAILS = st.builds(
    lambda texts: json.dumps([{"type": "reasoning.text", "text": text} for text in texts]),
    st.lists(TEXTS, min_size=1, max_size=3),
)
ANSWERS = st.lists(
    st.one_of(
        st.builds(Reasoning, wire=st.just(WireFormat.CHAT), json=DETAILS),
        st.builds(ToolCall, call_id=WORDS, name=WORDS, arguments=TEXTS),
        st.builds(Turn, role=st.just(Role.ASSISTANT), parts=st.tuples(PARTS)),
        st.builds(ToolOutput, call_id=WORDS, output=TEXTS),
    ),
    max_size=6,
)
USERS = st.builds(Turn, role=st.just(Role.USER), parts=st.lists(PARTS, min_size=1).map(tuple))
ROUNDS = st.lists(st.tuples(USERS, ANSWERS), min_size=2, max_size=6)
SPELLINGS = (*sorted(CHAT_KEYS | RESPONSES_KEYS), "reasoning_effort", "function_call")
NAMES = st.sampled_from((*SPELLINGS, "n", "store", "input", "messages", "model"))
MARKS = (
    b',"cache_control":{"type":"ephemeral"}',
    b',"cache_control":{"type":"ephemeral","ttl":"1h"}',
)


def request(*items: Item, ttl: str | None = None) -> ChatRequest:
    return ChatRequest(request_id="r", model="m", items=items, cache_ttl=ttl)


def encoded(asked: ChatRequest) -> bytes:
    return ChatCodec().encode(asked, ENDPOINT).body


def body_of(asked: ChatRequest) -> dict[str, object]:
    body: dict[str, object] = json.loads(encoded(asked))
    return body


def part_of(content: dict[str, object]) -> Part:
    match content:
        case {"type": "text", "text": str(text)}:
            return TextPart(text=text)
        case {"type": "image_url", "image_url": {"url": str(url), "detail": str(detail)}}:
            return ImagePart(url=url, detail=detail)
        case _:
            return OpaquePart(json=json.dumps(content))


def plain(part: Part) -> Part:
    """A part as it reads on the wire: a text block that came as it is, is a text there."""
    return part_of(json.loads(part.json)) if isinstance(part, OpaquePart) else part


@given(turns=st.lists(TURNS, max_size=6))
def test_the_history_can_be_read_back_from_the_body(turns: list[Turn]) -> None:
    messages = body_of(request(*turns))["messages"]
    assert isinstance(messages, list)
    read_back = [(m["role"], part_of(part)) for m in messages for part in m["content"]]
    assert read_back == [(turn.role.value, plain(part)) for turn in turns for part in turn.parts]


@given(answer=ANSWERS)
def test_nothing_of_an_answer_is_lost_or_doubled(answer: list[Item]) -> None:
    messages = body_of(request(*answer))["messages"]
    assert isinstance(messages, list)
    calls = [call for message in messages for call in message.get("tool_calls", ())]
    assert [(call["id"], call["function"]["arguments"]) for call in calls] == [
        (item.call_id, item.arguments if item.arguments.strip() else "{}")
        for item in answer
        if isinstance(item, ToolCall)
    ]
    outputs = [message for message in messages if message["role"] == "tool"]
    assert [(message["tool_call_id"], message["content"]) for message in outputs] == [
        (item.call_id, item.output) for item in answer if isinstance(item, ToolOutput)
    ]
    said = [part_of(part) for message in messages if message["role"] == "assistant"
            for part in message["content"] or ()]  # fmt: skip
    assert said == [plain(p) for item in answer if isinstance(item, Turn) for p in item.parts]


@given(details=DETAILS, call=st.booleans())
def test_what_a_model_thought_goes_back_byte_for_byte(details: str, call: bool) -> None:
    what_followed: Item = (
        ToolCall(call_id="c", name="f", arguments="")
        if call
        else Turn(role=Role.ASSISTANT, parts=(TextPart(text="a"),))
    )
    thought = Reasoning(wire=WireFormat.CHAT, json=details)
    assert f'"reasoning_details":{details}'.encode() in encoded(request(thought, what_followed))


@given(rounds=ROUNDS, ttl=st.sampled_from([None, "5m", "1h"]))
def test_marks_aside_a_longer_history_begins_with_the_same_bytes(
    rounds: list[tuple[Turn, list[Item]]], ttl: str | None
) -> None:
    """SPEC 121: a provider's prompt cache recognises what it has seen."""
    system = Turn(role=Role.SYSTEM, parts=(TextPart(text="s"),))
    bodies = []
    for count in range(1, len(rounds)):
        items = [item for user, answer in rounds[:count] for item in (user, *answer)]
        body = encoded(request(system, *items, rounds[count][0], ttl=ttl))
        for mark in MARKS:
            body = body.replace(mark, b"")
        bodies.append(body)
    for shorter, longer in pairwise(bodies):
        assert longer.startswith(shorter.removesuffix(b'],"stream":true}'))


@given(rounds=ROUNDS)
def test_no_more_than_four_blocks_are_marked(rounds: list[tuple[Turn, list[Item]]]) -> None:
    items = [item for user, answer in rounds for item in (user, *answer)]
    system = Turn(role=Role.SYSTEM, parts=(TextPart(text="s"),))
    assert encoded(request(system, *items, ttl="5m")).count(MARKS[0]) <= 4


@given(given_values=st.dictionaries(NAMES, JSON_VALUES, max_size=6))
def test_any_parameters_make_a_body_of_allowed_keys_without_nulls(
    given_values: dict[str, object],
) -> None:
    parameters = tuple(
        Parameter(name=name, json=json.dumps(value)) for name, value in given_values.items()
    )
    body = body_of(ChatRequest(request_id="r", model="m", items=(), parameters=parameters))
    assert set(body) <= {"model", "messages", "stream"} | CHAT_KEYS
    assert None not in body.values()
    assert (body["model"], body["stream"]) == ("m", True)
    other = responses_parameters(given_values)
    assert set(other) <= RESPONSES_KEYS
    assert None not in other.values()
