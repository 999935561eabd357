import pytest

from actors.values import (
    Annotated,
    EndStatus,
    EventSkipped,
    ImageMade,
    ReasoningAdvanced,
    ReasoningMade,
    RefusalAdvanced,
    StreamEnded,
    StreamEvent,
    TextAdvanced,
    ToolCallBegan,
    ToolCalled,
    Usage,
)
from bridge.openrouter.codec_chat_stream import ChatBodyDecoder
from tests.unit.chat_script import body, decoded, detail, details_made, only, the_end


def answer(finish: str | None = "stop", **message: object) -> dict[str, object]:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    return {"id": "gen-1", "model": "maker/model", "choices": [choice]}


def texts(events: list[StreamEvent]) -> str:
    return "".join(event.text for event in only(events, TextAdvanced))


def test_a_body_is_told_like_a_stream() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    told = body(
        {
            **answer(
                "tool_calls",
                content="a",
                refusal="r",
                reasoning="t",
                reasoning_details=[detail("t", signature="s")],
                annotations=[{"type": "file", "file": {}}],
                images=[{"image_url": {"url": "https://a.test/i"}}],
                tool_calls=[{"id": "c1", "type": "function", "function": {"name": "f"}}],
            ),
            "usage": usage,
        }
    )
    assert [type(event) for event in told] == [
        ReasoningAdvanced, TextAdvanced, RefusalAdvanced, Annotated, ImageMade, ToolCallBegan,
        ReasoningMade, ToolCalled, StreamEnded,
    ]  # fmt: skip
    assert details_made(told) == [detail("t", signature="s")]
    (called,) = only(told, ToolCalled)
    assert (called.call.call_id, called.call.arguments) == ("c1", "")
    end = the_end(told)
    assert end.usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    assert (end.response_id, end.model, end.status) == ("gen-1", "maker/model", EndStatus.COMPLETED)


def test_calls_of_a_body_have_no_index_and_may_have_no_id() -> None:
    calls = [{"function": {"name": "f", "arguments": "{}"}} for _ in range(2)]
    told = body(answer("tool_calls", content=None, tool_calls=calls))
    assert [event.call.call_id for event in only(told, ToolCalled)] == [
        "call_gen-1_2",
        "call_gen-1_3",
    ]


def test_content_may_be_a_list_of_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert texts(body(answer(content=parts))) == "ab"


def test_a_body_tells_thinking_in_words_only_where_it_means_to() -> None:
    told = body(answer(content="a", reasoning=None, reasoning_details=[detail("t")]))
    assert only(told, ReasoningAdvanced) == []
    assert details_made(told) == [detail("t")]


def test_an_answer_that_names_no_reason_to_finish_has_finished() -> None:
    assert the_end(body(answer(None, content="a"))).status is EndStatus.COMPLETED


@pytest.mark.parametrize(
    ("finish", "status"), [("length", EndStatus.INCOMPLETE), ("error", EndStatus.ERROR)]
)
def test_a_body_may_end_otherwise(finish: str, status: EndStatus) -> None:
    assert the_end(body(answer(finish, content="a"))).status is status


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": 502, "message": "m"}},
        {"choices": [], "error": {"code": 502, "message": "m"}},
        {"choices": [{"error": {"code": 502, "message": "m"}, "finish_reason": "error"}]},
        {"choices": [{"error": {"code": 502, "message": "m"}, "message": {"content": ""}}]},
    ],
)
def test_a_body_may_be_only_an_error(document: object) -> None:
    failure = the_end(body(document)).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("502", "m")


@pytest.mark.parametrize("rubbish", [b"<html>", b"[]", b'{"choices":5}'])
def test_a_body_that_is_no_answer_is_counted_and_has_no_end(rubbish: bytes) -> None:
    assert decoded(rubbish, is_streaming=False) == [EventSkipped(count=1)]


@pytest.mark.parametrize("nothing", [b"", b" \n\n ", b"{}", b'{"choices":[]}'])
def test_a_body_that_says_nothing_has_no_end(nothing: bytes) -> None:
    assert decoded(nothing, is_streaming=False) == []


def test_the_blanks_that_keep_a_connection_alive_are_no_body() -> None:
    decoder = ChatBodyDecoder()
    decoder.feed(b" \n")
    assert decoder.payloads == 0
    decoder.feed(b' \n{"choices":')
    assert decoder.feed(b"[]}") == ()
    assert decoder.payloads == 1


def test_half_a_character_in_a_body_is_replaced() -> None:
    torn = rb'{"choices":[{"message":{"content":"a\ud83d"}}]}'
    assert texts(decoded(torn, is_streaming=False)) == "a\ufffd"


def test_a_body_is_told_once() -> None:
    decoder = ChatBodyDecoder()
    decoder.feed(b'{"error":"x"}')
    assert len(decoder.finish()) == 1
    assert decoder.finish() == ()
