import json

import pytest

from actors.ports import AccessRefused, ProviderUnavailable
from actors.values import (
    EndStatus,
    ReasoningMade,
    StreamEnded,
    StreamFailure,
    TextAdvanced,
    ToolCalled,
    Usage,
)
from bridge.openrouter.codec_chat import ChatCodec
from bridge.openrouter.codec_chat_stream import ChatDecoder
from tests.unit.chat_script import (
    DONE,
    call_piece,
    chunk,
    decoded,
    finished,
    only,
    sse,
    text_delta,
    the_end,
    thought,
)

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
COUNTED = Usage(input_tokens=3, output_tokens=4, total_tokens=7)


def error_chunk(code: object = 502, **fields: object) -> dict[str, object]:
    error = {"code": code, "message": "broke", **fields}
    return {"id": "gen-1", "choices": [], "error": error}


def usage_chunk(usage: object = USAGE) -> dict[str, object]:
    return {"id": "gen-1", "model": "maker/model", "choices": [], "usage": usage}


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", EndStatus.COMPLETED, None),
        ("tool_calls", EndStatus.COMPLETED, None),
        ("some_new_word", EndStatus.COMPLETED, None),
        ("length", EndStatus.INCOMPLETE, "max_output_tokens"),
        ("MAX_TOKENS", EndStatus.INCOMPLETE, "max_output_tokens"),
        ("content_filter", EndStatus.INCOMPLETE, "content_filter"),
        ("error", EndStatus.ERROR, None),
    ],
)
def test_the_reason_to_finish_says_how_the_answer_ended(
    finish: str, status: EndStatus, reason: str | None
) -> None:
    end = the_end(decoded(sse(text_delta("a"), finished(finish)), DONE))
    assert (end.status, end.incomplete_reason) == (status, reason)


def test_the_end_tells_who_answered_and_the_upstream_s_own_word() -> None:
    end = the_end(decoded(sse(finished("stop", native="end_turn")), DONE))
    assert (end.response_id, end.model, end.native_reason) == ("gen-1", "maker/model", "end_turn")


def test_the_upstream_s_word_may_come_on_its_own() -> None:
    assert the_end(decoded(sse(chunk(native="STOP"), finished()), DONE)).native_reason == "STOP"


@pytest.mark.parametrize(
    "last",
    [
        [finished(usage=USAGE)],
        [finished(), finished(usage=USAGE)],
        [finished(), usage_chunk()],
        [finished(), chunk(content="", top={"usage": USAGE})],
        [usage_chunk(), finished(usage=USAGE), finished(usage=USAGE)],
    ],
)
def test_an_answer_ends_once_its_reason_and_its_usage_are_known(last: list[object]) -> None:
    told = ChatDecoder().feed(sse(text_delta("a"), *last))
    assert the_end(told).usage == COUNTED
    assert isinstance(told[-1], StreamEnded)


@pytest.mark.parametrize("ending", [b"", DONE])
def test_an_answer_without_usage_ends_with_its_stream(ending: bytes) -> None:
    decoder = ChatDecoder()
    assert only(decoder.feed(sse(text_delta("a"), finished())), StreamEnded) == []
    told = [*decoder.feed(ending), *decoder.finish()]
    assert (the_end(told).usage, the_end(told).status) == (None, EndStatus.COMPLETED)


def test_usage_that_comes_before_the_end_is_kept() -> None:
    assert the_end(decoded(sse(usage_chunk(), finished()), DONE)).usage == COUNTED


@pytest.mark.parametrize("ending", [b"", DONE, sse(usage_chunk()), sse(usage_chunk()) + DONE])
def test_a_stream_without_a_reason_to_finish_has_no_end(ending: bytes) -> None:
    assert only(decoded(sse(text_delta("a"), thought("t")), ending), StreamEnded) == []


def test_all_of_the_usage_is_read() -> None:
    usage = {
        **USAGE,
        "cost": 0.5,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2.0},
        "completion_tokens_details": {"reasoning_tokens": "3"},
    }
    assert the_end(decoded(sse(finished(usage=usage)))).usage == Usage(
        input_tokens=3,
        output_tokens=4,
        total_tokens=7,
        cached_tokens=1,
        cache_write_tokens=2,
        reasoning_tokens=3,
        cost_usd=0.5,
    )


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, COUNTED),
        ({**USAGE, "prompt_tokens_details": None, "completion_tokens_details": 5}, COUNTED),
        ({**USAGE, "cost": None}, COUNTED),
        ({**USAGE, "cost": "free"}, COUNTED),
        ({"prompt_tokens": None, "completion_tokens": -4}, Usage()),
        ({}, None),
        ([], None),
    ],
)
def test_odd_usage_counts_as_far_as_it_makes_sense(usage: object, counted: Usage | None) -> None:
    assert the_end(decoded(sse(finished(), usage_chunk(usage)), DONE)).usage == counted


@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
@pytest.mark.parametrize("native", ["length", "max_output_tokens", "MAX_TOKENS"])
def test_a_call_that_was_cut_off_is_no_whole_answer(finish: str, native: str) -> None:
    told = decoded(sse(call_piece(0, "c1", "f", '{"a":"b'), finished(finish, native=native)), DONE)
    end = the_end(told)
    assert (end.status, end.incomplete_reason) == (EndStatus.INCOMPLETE, "max_output_tokens")
    assert only(told, ToolCalled)[0].call.arguments == '{"a":"b'


@pytest.mark.parametrize("arguments", ["", " ", "{}", '{"a":1}', "null"])
def test_a_whole_call_beside_the_limit_is_a_whole_answer(arguments: str) -> None:
    pieces = (call_piece(0, "c1", "f", arguments), finished("tool_calls", native="length"))
    assert the_end(decoded(sse(*pieces), DONE)).status is EndStatus.COMPLETED


def test_a_broken_call_without_a_limit_is_the_model_s_own_word() -> None:
    pieces = (call_piece(0, "c1", "f", "{oops"), finished("tool_calls", native="tool_use"))
    assert the_end(decoded(sse(*pieces), DONE)).status is EndStatus.COMPLETED


def test_an_error_ends_the_stream_at_once_and_keeps_the_whole_event() -> None:
    event = error_chunk(metadata={"error_type": "provider_unavailable"})
    decoder = ChatDecoder()
    told = decoder.feed(sse(text_delta("a"), event, text_delta("b")))
    assert told[0] == TextAdvanced(output_index=1, content_index=0, text="a")
    end = the_end(told)
    assert end.status is EndStatus.ERROR
    assert end.failure is not None
    assert json.loads(end.failure.json) == event
    assert (end.failure.code, end.failure.error_type, end.failure.message) == (
        "502", "provider_unavailable", "broke",
    )  # fmt: skip
    assert (*decoder.feed(DONE), *decoder.finish()) == ()


@pytest.mark.parametrize(
    ("error", "code", "error_type", "message"),
    [
        ({"code": "server_error", "message": "m"}, "server_error", "", "m"),
        ({"http_status": 429, "error_type": "overloaded"}, "429", "overloaded", ""),
        ({"code": 502.0, "type": "upstream"}, "502", "upstream", ""),
        ("just words", "", "", "just words"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_in_choice", [False, True])
def test_an_error_is_found_wherever_and_however_it_is_put(
    error: object, code: str, error_type: str, message: str, is_in_choice: bool
) -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "error", "error": error}
    event = {"choices": [choice]} if is_in_choice else {"error": error}
    end = the_end(decoded(sse(event)))
    assert end.status is EndStatus.ERROR
    failure = end.failure
    assert failure is not None
    assert (failure.code, failure.error_type, failure.message) == (code, error_type, message)


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_an_empty_error_is_none(nothing: object) -> None:
    event = chunk(content="a", top={"error": nothing})
    assert the_end(decoded(sse(event, finished()), DONE)).status is EndStatus.COMPLETED


def test_an_end_by_error_without_an_error_has_the_upstream_s_word_for_it() -> None:
    event = finished("error", native="MALFORMED_FUNCTION_CALL")
    end = the_end(decoded(sse(event, finished("stop", usage=USAGE)), DONE))
    assert (end.status, end.native_reason, end.usage) == (
        EndStatus.ERROR, "MALFORMED_FUNCTION_CALL", COUNTED,
    )  # fmt: skip
    assert end.failure is not None
    assert (end.failure.code, json.loads(end.failure.json)) == ("MALFORMED_FUNCTION_CALL", event)


@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("has_usage", [False, True])
def test_an_error_after_the_answer_was_cut_takes_nothing_back(finish: str, has_usage: bool) -> None:
    error = chunk(top={"error": {"code": 400, "message": "Token limit reached"}})
    last = {**error, "usage": USAGE} if has_usage else error
    end = the_end(decoded(sse(text_delta("a"), finished(finish), last), DONE))
    assert (end.status, end.failure) == (EndStatus.INCOMPLETE, None)
    assert end.usage == (COUNTED if has_usage else None)


@pytest.mark.parametrize("has_text", [False, True])
def test_running_out_of_room_after_some_text_is_a_short_answer(has_text: bool) -> None:
    before = [text_delta("a")] if has_text else []
    error = error_chunk(400, metadata={"error_type": "context_length_exceeded"})
    end = the_end(decoded(sse(*before, error)))
    assert end.status is (EndStatus.INCOMPLETE if has_text else EndStatus.ERROR)
    assert (end.failure is None) == has_text


def test_an_answer_that_failed_leaves_nothing_to_send_back() -> None:
    told = decoded(sse(thought("t"), call_piece(0, "c1", "f", "{}"), error_chunk()))
    assert only(told, ToolCalled) == []
    assert only(told, ReasoningMade) == []


def test_an_error_becomes_the_port_s_own() -> None:
    codec = ChatCodec()
    assert isinstance(codec.error(StreamFailure(code="502")), ProviderUnavailable)
    assert isinstance(codec.error(StreamFailure(code="403")), AccessRefused)


@pytest.mark.parametrize("head", ["chatcmpl", 7])
def test_an_odd_id_does_not_cost_the_end(head: object) -> None:
    odd = {**chunk(content="", finish="stop"), "id": head, "model": None}
    end = the_end(decoded(sse(chunk(content="a"), odd), DONE))
    assert end.response_id == ("chatcmpl" if head == "chatcmpl" else "gen-1")
    assert end.model == "maker/model"
