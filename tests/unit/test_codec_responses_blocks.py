"""Blocks and notes of other spellings, in the shapes of POST /responses (FACTS)."""

import json

import pytest

from bridge.openrouter.codec_responses_blocks import (
    INPUT_TEXT,
    NEVER_SENT,
    OUTPUT_TEXT,
    is_media,
    wire_block,
    wire_note,
)

DATA = "data:application/pdf;base64,AA=="
MARK = {"type": "ephemeral", "ttl": "1h"}


def block(document: object, text_type: str = INPUT_TEXT) -> object:
    written = wire_block(json.dumps(document), text_type)
    return None if written is None else json.loads(written)


def note(document: object) -> object:
    written = wire_note(json.dumps(document))
    return None if written is None else json.loads(written)


CONVERSIONS = {
    "text": ({"type": "text", "text": "a"}, {"type": "input_text", "text": "a"}),
    "image": (
        {"type": "image_url", "image_url": {"url": "u", "detail": "high"}},
        {"type": "input_image", "image_url": "u", "detail": "high"},
    ),
    "image without detail": (
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "input_image", "image_url": "u", "detail": "auto"},
    ),
    "image with a detail nobody knows": (
        {"type": "image_url", "image_url": {"url": "u", "detail": "ultra"}},
        {"type": "input_image", "image_url": "u", "detail": "auto"},
    ),
    "image by its address alone": (
        {"type": "image_url", "image_url": "u"},
        {"type": "input_image", "image_url": "u", "detail": "auto"},
    ),
    "image of this endpoint, nested": (
        {"type": "input_image", "image_url": {"url": "u"}, "detail": "low"},
        {"type": "input_image", "image_url": "u", "detail": "low"},
    ),
    "image of this endpoint without detail": (
        {"type": "input_image", "image_url": "u"},
        {"type": "input_image", "image_url": "u", "detail": "auto"},
    ),
    "file": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}},
        {"type": "input_file", "filename": "a.pdf", "file_data": DATA},
    ),
    "file by address where its content would be": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://a.test/a.pdf"}},
        {"type": "input_file", "filename": "a.pdf", "file_url": "https://a.test/a.pdf"},
    ),
    "file of this endpoint by address": (
        {"type": "input_file", "file_data": "https://a.test/a.pdf"},
        {"type": "input_file", "file_url": "https://a.test/a.pdf"},
    ),
    "file with two addresses": (
        {"type": "input_file", "file_data": "https://a.test/1", "file_url": "https://a.test/2"},
        {"type": "input_file", "file_url": "https://a.test/2"},
    ),
    "file by id": (
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "input_file", "file_id": "file-1"},
    ),
    "flat file": (
        {"type": "file", "file_id": "file-1", "filename": None},
        {"type": "input_file", "file_id": "file-1"},
    ),
    "video": (
        {"type": "video_url", "video_url": {"url": "u"}},
        {"type": "input_video", "video_url": "u"},
    ),
    "video by its address alone": (
        {"type": "video_url", "video_url": "u"},
        {"type": "input_video", "video_url": "u"},
    ),
    "marked text": (
        {"type": "text", "text": "a", "cache_control": MARK},
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ),
    "marked text of this endpoint": (
        {"type": "input_text", "text": "a", "cache_control": MARK},
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ),
    "text with a mark that was taken back": (
        {"type": "input_text", "text": "a", "cache_control": None},
        {"type": "input_text", "text": "a"},
    ),
    "marked image": (
        {"type": "input_image", "image_url": "u", "detail": "low", "cache_control": MARK},
        {"type": "input_image", "image_url": "u", "detail": "low"},
    ),
    "marked image by id": (
        {"type": "input_image", "file_id": "f", "detail": "low", "cache_control": MARK},
        {"type": "input_image", "file_id": "f", "detail": "low"},
    ),
    "marked file": (
        {"type": "input_file", "file_id": "f", "cache_control": MARK},
        {"type": "input_file", "file_id": "f"},
    ),
    "marked audio": (
        {
            "type": "input_audio",
            "input_audio": {"data": "AA==", "format": "mp3"},
            "cache_control": {},
        },
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
    ),
    "marked video": (
        {"type": "input_video", "video_url": "u", "cache_control": MARK},
        {"type": "input_video", "video_url": "u"},
    ),
}


@pytest.mark.parametrize(("given", "sent"), CONVERSIONS.values(), ids=CONVERSIONS)
def test_a_block_goes_in_the_shape_of_this_endpoint(given: object, sent: object) -> None:
    assert block(given) == sent


@pytest.mark.parametrize(("given", "sent"), CONVERSIONS.values(), ids=CONVERSIONS)
def test_a_converted_block_needs_no_more_conversion(given: object, sent: object) -> None:
    written = wire_block(json.dumps(sent), INPUT_TEXT)
    assert written == json.dumps(sent).encode()


@pytest.mark.parametrize(
    "json_text",
    [
        '{"type":"x",  "cache_control":{"type":"ephemeral"},"n":123456789012345678901234567890}',
        '{"type":"input_file", "file_id":"file-1","n":1.0}',
        '{"type":"input_text",  "text":"a"}',
        '{"type":"input_audio",  "input_audio":{"data":"AA==","format":"wav"}}',
        '{"type":"text",  "text":7}',
        '{"type":"image_url",  "image_url":{}}',
        '{"type":"video_url",  "video_url":null}',
        '{"type":"file",  "file":{"filename":"a"}}',
        '{"no":  "type"}',
        '{"type":  7}',
        r'{"type":"x",  "torn":"\ud83d"}',
    ],
)
def test_what_is_in_shape_or_unknown_or_says_nothing_passes_byte_for_byte(json_text: str) -> None:
    """SPEC 30."""
    assert wire_block(json_text, INPUT_TEXT) == json_text.encode()


@pytest.mark.parametrize("kind", sorted(NEVER_SENT))
def test_what_the_provider_does_not_take_back_is_not_sent(kind: str) -> None:
    """SPEC 36."""
    assert block({"type": kind, "id": "x"}) is None


def test_text_in_an_answer_is_the_answer_s_own_kind_of_text() -> None:
    notes = [{"type": "file_path", "file_id": "f", "index": 0}]
    assert block({"type": "text", "text": "a"}, OUTPUT_TEXT) == {
        "type": "output_text",
        "text": "a",
        "annotations": [],
    }
    marked = {"type": "output_text", "text": "a", "annotations": notes, "cache_control": MARK}
    assert block(marked, OUTPUT_TEXT) == {"type": "output_text", "text": "a", "annotations": notes}


def test_half_a_character_in_a_block_costs_itself() -> None:
    written = wire_block(r'{"type":"text","text":"a\ud83d"}', INPUT_TEXT)
    assert written is not None
    assert json.loads(written) == {"type": "input_text", "text": "a\ufffd"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("image_url", True), ("input_file", True), ("input_audio", True), ("refusal", False)],
)
def test_pictures_files_and_sound_are_known_as_such(kind: str, expected: bool) -> None:
    assert is_media(json.dumps({"type": kind})) is expected


NOTES = {
    "nested": (
        {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "content": "c"}},
        {
            "type": "url_citation",
            "url": "u",
            "title": "t",
            "start_index": 0,
            "end_index": 0,
            "content": "c",
        },
    ),
    "bare": (
        {"type": "url_citation", "url": "u", "start_index": 3, "end_index": None},
        {"type": "url_citation", "url": "u", "title": "", "start_index": 3, "end_index": 0},
    ),
}


@pytest.mark.parametrize(("given", "sent"), NOTES.values(), ids=NOTES)
def test_a_citation_goes_flat_and_whole(given: object, sent: object) -> None:
    assert note(given) == sent


@pytest.mark.parametrize(
    "json_text",
    [
        '{"type":"url_citation","url":"u",  "title":"t","start_index":0,"end_index":1,"x":1.0}',
        '{"type":"file_citation",  "file_id":"f","filename":"n","index":0}',
        '{"type":"file_path",  "file_id":"f","index":0}',
    ],
)
def test_a_whole_note_passes_byte_for_byte(json_text: str) -> None:
    assert wire_note(json_text) == json_text.encode()


@pytest.mark.parametrize(
    "document",
    [
        {"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": []}},
        {"type": "url_citation", "url": None},
        {"type": "file_path", "file_id": "f"},
        {"type": "file_citation", "file_id": "f", "filename": "n", "index": True},
        {"type": "new"},
        {"type": []},
        [],
        None,
    ],
)
def test_a_note_that_the_endpoint_does_not_know_is_left_out(document: object) -> None:
    assert note(document) is None
