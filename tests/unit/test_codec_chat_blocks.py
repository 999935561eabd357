import json

import pytest

from actors.ports import Endpoint, Secret
from actors.values import ChatRequest, OpaquePart, Part, Role, TextPart, Turn
from bridge.openrouter.codec_chat import ChatCodec

ENDPOINT = Endpoint(base_url="https://provider.test/api/v1", api_key=Secret("sk-test"))
MARK = {"type": "ephemeral"}


def body_of(*parts: Part) -> bytes:
    turn = Turn(role=Role.USER, parts=parts)
    asked = ChatRequest(request_id="r1", model="m", items=(turn,))
    return ChatCodec().encode(asked, ENDPOINT).body


def content_of(*parts: Part) -> object:
    return json.loads(body_of(*parts))["messages"][0]["content"]


@pytest.mark.parametrize(
    ("block", "sent"),
    [
        ({"type": "input_text", "text": "a"}, {"type": "text", "text": "a"}),
        ({"type": "output_text", "text": "a", "annotations": []}, {"type": "text", "text": "a"}),
        ({"type": "refusal", "refusal": "no"}, {"type": "text", "text": "no"}),
        ({"type": "input_text", "text": "a", "cache_control": MARK},
         {"type": "text", "text": "a", "cache_control": MARK}),
        ({"type": "input_image", "image_url": "u", "detail": "low"},
         {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}),
        ({"type": "input_image", "image_url": "u", "detail": None},
         {"type": "image_url", "image_url": {"url": "u"}}),
        ({"type": "input_file", "filename": "f", "file_data": "d"},
         {"type": "file", "file": {"filename": "f", "file_data": "d"}}),
        ({"type": "input_file", "file_url": "u"}, {"type": "file", "file": {"file_data": "u"}}),
        ({"type": "input_file", "file_id": "i"}, {"type": "file", "file": {"file_id": "i"}}),
        ({"type": "input_video", "video_url": "u"},
         {"type": "video_url", "video_url": {"url": "u"}}),
    ],
)  # fmt: skip
def test_a_block_of_responses_is_worded_for_chat(block: object, sent: object) -> None:
    assert content_of(OpaquePart(json=json.dumps(block))) == [sent]


@pytest.mark.parametrize(
    "block",
    [
        '{"type": "text",  "text": "a"}',
        '{"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}',
        '{"type": "file",  "file": {"file_data": "d"}}',
        '{"type": "video_url", "video_url": {"url": "u"}}',
        '{"type": "input_video", "video_url": {"url": "u"}}',
        '{"type": "input_image", "file_id": "i"}',
        '{"type":"x",  "big":123456789012345678901234567890}',
        '{"type": 5}',
    ],
)
def test_a_block_that_chat_or_nobody_knows_passes_byte_for_byte(block: str) -> None:
    assert block.encode() in body_of(OpaquePart(json=block))


def test_a_block_that_would_break_the_body_is_left_out() -> None:
    assert content_of(TextPart(text="a"), OpaquePart(json='{"type":')) == [
        {"type": "text", "text": "a"}
    ]
