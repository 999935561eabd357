import json

import pytest

from actors.ports import StreamBroken
from actors.values import (
    Annotated,
    EventSkipped,
    ImageMade,
    ReasoningAdvanced,
    ReasoningKind,
    RefusalAdvanced,
    StreamEvent,
    TextAdvanced,
)
from bridge.openrouter.codec_chat_stream import ChatBodyDecoder, ChatDecoder
from tests.unit.chat_script import (
    DONE,
    call_piece,
    chunk,
    decoded,
    finished,
    only,
    sse,
    text_delta,
    thought,
)


def text(said: str) -> TextAdvanced:
    return TextAdvanced(output_index=1, content_index=0, text=said)


def raw(said: str) -> ReasoningAdvanced:
    return ReasoningAdvanced(output_index=0, part_index=0, kind=ReasoningKind.RAW, text=said)


def refusal(said: str) -> RefusalAdvanced:
    return RefusalAdvanced(output_index=1, content_index=0, text=said)


def fed(*events: object) -> list[StreamEvent]:
    return list(ChatDecoder().feed(sse(*events)))


def test_deltas_of_one_read_are_one_event() -> None:
    assert fed(text_delta("a"), text_delta(""), text_delta("b")) == [text("ab")]


def test_each_kind_of_text_keeps_its_turn() -> None:
    told = fed(thought("t"), text_delta("a"), chunk(content=None, refusal="r"), text_delta("b"))
    assert told == [raw("t"), text("a"), refusal("r"), text("b")]


def test_thinking_comes_before_the_text_of_the_same_chunk() -> None:
    assert fed(chunk(content="a", reasoning="t")) == [raw("t"), text("a")]


def test_the_name_that_other_hosts_have_for_thinking_is_known() -> None:
    assert fed(chunk(reasoning_content="t"), chunk(reasoning="u", reasoning_content="u")) == [
        raw("tu")
    ]


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "x"}]
    assert fed(chunk(content=parts)) == [text("ab")]


@pytest.mark.parametrize(
    "unknown",
    [
        {"id": "gen-1", "choices": [], "debug": {"echo_upstream_body": {}}},
        {"id": "gen-1", "choices": []},
        {"id": "gen-1", "choices": None},
        {"type": "ping"},
        chunk(content=None, audio={"data": "AAAA", "transcript": "x"}),
        chunk(content="", new_thing=[1]),
    ],
)
def test_what_is_not_known_says_nothing_and_harms_nothing(unknown: object) -> None:
    assert fed(text_delta("a"), unknown, text_delta("b")) == [text("ab")]


@pytest.mark.parametrize("broken", [b"{", b"\xff", b"[1]", b'{"choices":5}', b"nonsense"])
def test_an_event_that_makes_no_sense_is_counted_and_the_answer_goes_on(broken: bytes) -> None:
    stream = sse(text_delta("a")) + b"data: " + broken + b"\n\n" + sse(text_delta("b"))
    assert list(ChatDecoder().feed(stream)) == [text("ab"), EventSkipped(count=1)]


def test_a_field_of_the_wrong_type_does_not_cost_the_rest_of_its_chunk() -> None:
    odd = chunk(content="a", refusal=5, tool_calls="x", annotations={}, images=[3])
    assert fed(odd) == [text("a")]


def test_a_chunk_of_which_nothing_makes_sense_is_counted() -> None:
    assert fed(chunk(content=5)) == [EventSkipped(count=1)]


def test_blank_events_are_nothing() -> None:
    assert decoded(b"data: \n\ndata:\n\n") == []


def test_a_page_is_cited_with_what_is_known_of_it() -> None:
    cited = {"url": "https://a.test/x", "title": "T", "content": "C", "start_index": 0}
    annotation = {"type": "url_citation", "url_citation": cited}
    (note,) = only(fed(chunk(content="", annotations=[annotation])), Annotated)
    assert (note.output_index, note.url, note.title, note.text) == (
        1, "https://a.test/x", "T", "C",
    )  # fmt: skip
    assert json.loads(note.json) == annotation


def test_a_citation_may_be_flat() -> None:
    annotation = {"type": "url_citation", "url": "https://a.test/x", "title": None}
    (note,) = only(fed(chunk(annotations=[annotation])), Annotated)
    assert (note.url, note.title, note.text) == ("https://a.test/x", "", "")


@pytest.mark.parametrize("annotation", [{"type": "file", "file": {"hash": "h"}}, {"type": "new"}])
def test_any_other_note_is_kept_as_it_is_and_has_no_address(annotation: object) -> None:
    (note,) = only(fed(chunk(annotations=[annotation])), Annotated)
    assert (note.url, json.loads(note.json)) == ("", annotation)


def test_notes_and_images_that_are_said_again_are_told_once() -> None:
    annotation = {"type": "file", "file": {"hash": "h"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    said = chunk(content="", annotations=[annotation], images=[image])
    told = fed(said, said)
    assert (len(only(told, Annotated)), len(only(told, ImageMade))) == (1, 1)


@pytest.mark.parametrize("image_url", [{"url": "data:image/png;base64,AA=="}, "https://a.test/i"])
def test_an_image_is_told_in_its_place(image_url: object) -> None:
    told = fed(text_delta("a"), chunk(images=[{"image_url": image_url}]), text_delta("b"))
    url = image_url["url"] if isinstance(image_url, dict) else image_url
    assert isinstance(url, str)
    assert told == [text("a"), ImageMade(output_index=1, url=url), text("b")]


def test_an_image_without_an_address_is_none() -> None:
    assert fed(chunk(images=[{"image_url": {}}, {}])) == []


def test_every_event_of_the_wire_counts_and_comments_do_not() -> None:
    decoder = ChatDecoder()
    decoder.feed(b": OPENROUTER PROCESSING\n\n")
    assert decoder.payloads == 0
    decoder.feed(sse(text_delta("a"), {"type": "ping"}) + b"data: nonsense\n\n")
    assert decoder.payloads == 3
    decoder.feed(b"data: {}")
    decoder.finish()
    assert decoder.payloads == 4


def test_nothing_is_read_after_the_end_mark() -> None:
    decoder = ChatDecoder()
    assert decoder.feed(sse(text_delta("a")) + DONE + sse(text_delta("b"))) == [text("a")]
    assert (*decoder.feed(sse(finished())), *decoder.finish()) == ()


def test_halves_of_a_character_meet_across_chunks() -> None:
    halves = [json.dumps(text_delta(half)).encode() for half in ("a\ud83d", "\ude00b")]
    framed = [b"data: " + half + b"\n\n" for half in halves]
    assert decoded(b"".join(framed)) == [text("a😀b")]
    assert decoded(*framed) == [text("a"), text("😀b")]


def test_half_a_character_without_its_partner_is_replaced_at_the_end() -> None:
    torn = b"data: " + json.dumps(text_delta("a\ud83d")).encode() + b"\n\n"
    assert decoded(torn, DONE) == [text("a"), text("\ufffd")]
    assert decoded(torn) == [text("a"), text("\ufffd")]


def test_a_body_that_grows_beyond_all_reason_is_given_up() -> None:
    decoder = ChatBodyDecoder(body_bytes_max=10)
    decoder.feed(b"1234567890")
    with pytest.raises(StreamBroken):
        decoder.feed(b"1")


@pytest.mark.parametrize(
    "held",
    [
        thought("t"),
        call_piece(arguments="x"),
        chunk(images=[{"image_url": {"url": "u"}}]),
    ],
)
def test_an_answer_that_grows_beyond_all_reason_is_given_up(held: object) -> None:
    one = sse(held)
    decoder = ChatDecoder(held_bytes_max=10 * len(one))
    decoder.feed(sse(*[text_delta("a")] * 100))
    decoder.feed(one * 10)
    with pytest.raises(StreamBroken):
        decoder.feed(one)
