"""An answer in one JSON body tells the events of a stream."""

import json

import pytest

from actors.ports import RateLimited, StreamBroken
from actors.values import (
    EndStatus,
    EventSkipped,
    StreamEvent,
    TextStated,
    ToolCall,
    ToolCalled,
    Usage,
)
from bridge.openrouter.codec_responses import ResponsesCodec
from bridge.openrouter.codec_responses_body import BODY_BYTES_MAX
from tests.unit.responses_script import (
    completed,
    decoded,
    decoded_body,
    function_call,
    message,
    sse,
    the_end,
)

HELLO = TextStated(output_index=0, content_index=0, text="Hello")


def body(*output: object, **fields: object) -> bytes:
    response = completed(*output, **fields)["response"]
    return json.dumps(response).encode()


def test_a_body_tells_what_a_stream_of_its_terminal_event_alone_would() -> None:
    output = (message("Hello"), function_call("{}"), {"type": "reasoning", "id": "rs_1"})
    usage = {"input_tokens": 3, "output_tokens": 2}
    told = decoded_body(body(*output, usage=usage))
    assert told == decoded(sse(completed(*output, usage=usage)))
    assert told[:2] == [
        HELLO,
        ToolCalled(output_index=1, call=ToolCall(call_id="call_1", name="look", arguments="{}")),
    ]
    assert the_end(told).usage == Usage(input_tokens=3, output_tokens=2, total_tokens=5)


def test_nothing_is_told_before_the_body_has_ended() -> None:
    whole = body(message("Hello"))
    decoder = ResponsesCodec().decoder(is_streaming=False)
    told: list[StreamEvent] = []
    for place in range(len(whole)):
        told += decoder.feed(whole[place : place + 1])
    assert told == []
    assert decoder.finish()[0] == HELLO
    assert decoder.finish() == ()


def test_white_space_before_a_body_keeps_the_connection_and_is_no_sign_of_an_answer() -> None:
    decoder = ResponsesCodec().decoder(is_streaming=False)
    for blank in (b"\n         \n", b"  ", b""):
        decoder.feed(blank)
    assert decoder.payloads == 0
    decoder.feed(body(message("Hello"), status="completed"))
    assert decoder.payloads == 1
    assert decoder.finish()[0] == HELLO


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("completed", EndStatus.COMPLETED),
        ("incomplete", EndStatus.INCOMPLETE),
        ("failed", EndStatus.FAILED),
        ("cancelled", EndStatus.FAILED),
        (None, EndStatus.COMPLETED),
        ("new", EndStatus.COMPLETED),
    ],
)
def test_a_body_ends_as_its_status_says(status: str | None, expected: EndStatus) -> None:
    assert the_end(decoded_body(body(message("Hello"), status=status))).status is expected


def test_an_incomplete_body_says_why() -> None:
    details = {"reason": "content_filter"}
    end = the_end(decoded_body(body(status="incomplete", incomplete_details=details)))
    assert end.incomplete_reason == "content_filter"


@pytest.mark.parametrize("status", ["in_progress", "queued"])
def test_a_body_that_is_not_finished_has_no_end(status: str) -> None:
    assert decoded_body(body(status=status)) == []


ERROR = {"code": 429, "message": "Slow down", "metadata": {"error_type": "rate_limit_exceeded"}}


@pytest.mark.parametrize(
    "document",
    [
        {"error": ERROR},
        {"error": ERROR, "metadata": None, "user_id": "u"},
        {"type": "error", "error": ERROR},
        {"status": "failed", "error": ERROR, "output": []},
        {"status": "completed", "error": ERROR, "output": []},
    ],
)
def test_a_body_that_is_only_an_error_ends_with_it(document: dict[str, object]) -> None:
    text = json.dumps(document)
    end = the_end(decoded_body(text.encode()))
    assert end.status in (EndStatus.ERROR, EndStatus.FAILED)
    assert end.failure is not None
    assert text in end.failure.json
    assert (end.failure.code, end.failure.message) == ("429", "Slow down")
    assert isinstance(ResponsesCodec().error(end.failure), RateLimited)


@pytest.mark.parametrize("garbage", [b"<html>", b"{", b"[]", b"{}", b'"x"', b'{"id":"x"}', b"\xff"])
def test_what_is_no_answer_is_skipped_and_has_no_end(garbage: bytes) -> None:
    assert decoded_body(garbage) == [EventSkipped(count=1)]


@pytest.mark.parametrize("empty", [b"", b" \n "])
def test_an_empty_body_tells_nothing(empty: bytes) -> None:
    assert decoded_body(empty) == []


@pytest.mark.parametrize(
    ("written", "text"), [(rb"caf\ud83d", "caf\ufffd"), (b"caf\xff", "caf\ufffd")]
)
def test_broken_characters_cost_themselves_and_not_the_body(written: bytes, text: str) -> None:
    whole = body(message("TEXT")).replace(b"TEXT", written)
    told = decoded_body(whole)
    assert told[0] == TextStated(output_index=0, content_index=0, text=text)
    assert the_end(told).status is EndStatus.COMPLETED


def test_a_body_without_bound_breaks_the_answer() -> None:
    decoder = ResponsesCodec().decoder(is_streaming=False)
    decoder.feed(b" " * BODY_BYTES_MAX)
    with pytest.raises(StreamBroken):
        decoder.feed(b"{")
