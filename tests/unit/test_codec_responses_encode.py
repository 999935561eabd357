import json

import pytest

from actors.ports import Endpoint, Secret
from actors.values import ChatRequest, ImagePart, OpaquePart, Parameter, Part, Role, TextPart, Turn
from bridge.openrouter.codec_responses import ResponsesCodec

ENDPOINT = Endpoint(base_url="https://provider.test/api/v1", api_key=Secret("sk-test"))


def body_of(*turns: Turn, **parameters: object) -> dict[str, object]:
    request = ChatRequest(
        request_id="r1",
        model="maker/model",
        items=turns,
        parameters=tuple(
            Parameter(name=name, json=json.dumps(value)) for name, value in parameters.items()
        ),
    )
    body: dict[str, object] = json.loads(ResponsesCodec().encode(request, ENDPOINT).body)
    return body


def content_of(turn: Turn) -> object:
    items = body_of(turn)["input"]
    assert isinstance(items, list)
    (item,) = items
    return item["content"]


def turn(role: Role, *parts: Part) -> Turn:
    return Turn(role=role, parts=parts)


def said(role: Role, text: str) -> Turn:
    return turn(role, TextPart(text=text))


def test_a_call_goes_to_responses_at_the_given_endpoint() -> None:
    request = ChatRequest(request_id="r1", model="maker/model", items=())
    call = ResponsesCodec().encode(request, ENDPOINT)
    assert (call.path, call.endpoint) == ("/responses", ENDPOINT)


def test_a_request_streams_and_names_the_exact_model() -> None:
    assert body_of() == {"model": "maker/model", "input": [], "stream": True}


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER, Role.USER])
def test_what_is_not_the_model_s_goes_as_input_text(role: Role) -> None:
    assert body_of(said(role, " as it is \n"))["input"] == [
        {
            "type": "message",
            "role": role.value,
            "content": [{"type": "input_text", "text": " as it is \n"}],
        }
    ]


def test_an_answer_of_before_goes_as_output_text_with_the_id_and_status_it_must_have() -> None:
    assert body_of(said(Role.USER, "hi"), said(Role.ASSISTANT, "hello"))["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}],
            "id": "msg_1",
            "status": "completed",
        },
    ]


def test_system_messages_stay_apart_and_in_their_places() -> None:
    turns = [said(role, role.value) for role in (Role.SYSTEM, Role.SYSTEM, Role.USER, Role.SYSTEM)]
    items = body_of(*turns)["input"]
    assert isinstance(items, list)
    assert [item["role"] for item in items] == ["system", "system", "user", "system"]


def test_an_image_and_an_unknown_block_keep_their_place_among_the_parts() -> None:
    block = '{"type":"input_file", "file_id":"file-1","n":1.0}'
    image = ImagePart(url="data:image/png;base64,AA==", detail="high")
    parts = (
        TextPart(text="look"),
        image,
        OpaquePart(json=block),
        ImagePart(url="https://a.test/x"),
    )
    assert content_of(turn(Role.USER, *parts)) == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "high"},
        {"type": "input_file", "file_id": "file-1", "n": 1.0},
        {"type": "input_image", "image_url": "https://a.test/x", "detail": "auto"},
    ]


def test_an_unknown_block_passes_byte_for_byte() -> None:
    block = '{"type":"x",  "big":123456789012345678901234567890}'
    request = ChatRequest(
        request_id="r1", model="m", items=(turn(Role.USER, OpaquePart(json=block)),)
    )
    assert block.encode() in ResponsesCodec().encode(request, ENDPOINT).body


def test_a_turn_without_parts_is_left_out() -> None:
    assert body_of(turn(Role.ASSISTANT), said(Role.USER, "hi"))["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    ]


def test_a_longer_history_begins_with_the_same_bytes() -> None:
    turns = (said(Role.SYSTEM, "s"), said(Role.USER, "u"), said(Role.ASSISTANT, "a"))
    bodies = [
        ResponsesCodec()
        .encode(ChatRequest(request_id="r", model="m", items=turns[:count]), ENDPOINT)
        .body
        for count in (2, 3)
    ]
    prefix, _, _ = bodies[0].partition(b'],"stream"')
    assert bodies[1].startswith(prefix)


def test_half_a_character_in_the_history_does_not_stop_the_request() -> None:
    torn = (
        TextPart(text="a\ud83d"),
        TextPart(text="\ud83d\ude00"),
        ImagePart(url="u\ud83d"),
        OpaquePart(json='{"type":"x","y":"\ud83d"}'),
    )
    assert content_of(turn(Role.USER, *torn)) == [
        {"type": "input_text", "text": "a\ufffd"},
        {"type": "input_text", "text": "😀"},
        {"type": "input_image", "image_url": "u\ufffd", "detail": "auto"},
        {"type": "x", "y": "\ufffd"},
    ]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (r'"a\ud83d"', "a\ufffd"),
        (r'"\ud83d\ude00"', "😀"),
        ('"\ud83d\ude00 \ud83d"', "😀 \ufffd"),
        ('{"n": NaN}', {"n": None}),
    ],
)
def test_a_parameter_that_is_no_strict_json_is_read_as_well_as_it_can_be(
    written: str, sent: object
) -> None:
    parameters = (Parameter(name="trace", json=written),)
    request = ChatRequest(request_id="r", model="m", items=(), parameters=parameters)
    assert json.loads(ResponsesCodec().encode(request, ENDPOINT).body)["trace"] == sent


def test_parameters_stand_beside_the_input_and_cannot_replace_it() -> None:
    body = body_of(said(Role.USER, "hi"), temperature=0.5, input="x", model="y", stream=False)
    assert (body["model"], body["stream"], body["temperature"]) == ("maker/model", True, 0.5)
    assert isinstance(body["input"], list)
