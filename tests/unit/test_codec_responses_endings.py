import json
from dataclasses import replace

import pytest

from actors.values import EndStatus, EventSkipped, StreamFailure, Usage
from tests.unit.responses_script import completed, decoded, event, sse, text_delta, the_end

USAGE = {
    "input_tokens": 12,
    "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 17,
    "cost": 2.1e-05,
    "is_byok": False,
    "cost_details": {"upstream_inference_cost": None},
}
READ_USAGE = Usage(
    input_tokens=12,
    output_tokens=5,
    total_tokens=17,
    cached_tokens=3,
    cache_write_tokens=4,
    reasoning_tokens=2,
    cost_usd=2.1e-05,
)


def failed(**fields: object) -> dict[str, object]:
    return event("response.failed", response={"id": "gen-1", "status": "failed", **fields})


def test_a_completed_answer_names_its_usage_model_and_id() -> None:
    end = the_end(decoded(sse(completed(usage=USAGE))))
    assert (end.status, end.usage, end.failure) == (EndStatus.COMPLETED, READ_USAGE, None)
    assert (end.response_id, end.model) == ("gen-1", "maker/model")


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_an_incomplete_answer_says_why(reason: str) -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    end = the_end(decoded(sse(event("response.incomplete", response=response))))
    assert (end.status, end.incomplete_reason) == (EndStatus.INCOMPLETE, reason)


def test_an_incomplete_answer_may_give_no_reason() -> None:
    end = the_end(decoded(sse(event("response.incomplete", response={}))))
    assert (end.status, end.incomplete_reason) == (EndStatus.INCOMPLETE, None)


def test_a_completed_event_may_own_up_to_another_status() -> None:
    assert the_end(decoded(sse(completed(status="incomplete")))).status is EndStatus.INCOMPLETE
    assert the_end(decoded(sse(completed(status="failed")))).status is EndStatus.FAILED


def test_a_failed_answer_carries_the_precise_error_type() -> None:
    error = {"code": "server_error", "message": "Provider disconnected"}
    end = the_end(decoded(sse(failed(error=error, error_type="provider_unavailable"))))
    assert end.status is EndStatus.FAILED
    assert end.failure is not None
    assert replace(end.failure, json="") == StreamFailure(
        code="server_error", error_type="provider_unavailable", message="Provider disconnected"
    )


ERROR_SHAPES = {
    "flat": event("error", code="server_error", message="Boom", param=None),
    "nested": event("error", error={"code": "server_error", "message": "Boom"}),
    "response.error": event("response.error", error={"code": "server_error", "message": "Boom"}),
    "bare": {"error": {"code": "server_error", "message": "Boom"}},
}


@pytest.mark.parametrize("error", ERROR_SHAPES.values(), ids=ERROR_SHAPES)
def test_an_error_event_of_every_shape_ends_the_stream(error: dict[str, object]) -> None:
    end = the_end(decoded(sse(text_delta("Hel"), error)))
    assert end.status is EndStatus.ERROR
    assert end.failure == StreamFailure(code="server_error", message="Boom", json=json.dumps(error))


def test_the_event_around_an_error_is_kept_up_to_a_bound() -> None:
    failure = the_end(decoded(sse(event("error", message="é" * 100_000)))).failure
    assert failure is not None
    assert failure.json.startswith('{"type": "error", "message": "éé')
    assert 65_500 < len(failure.json.encode()) <= 65_536


@pytest.mark.parametrize(
    "error",
    [
        event("error", error={"type": "insufficient_quota", "message": "Boom"}),
        event("error", error={"metadata": {"error_type": "insufficient_quota"}}),
        event("error", error={"error_type": "insufficient_quota", "type": "coarse"}),
        event("error", message="Boom", error_type="insufficient_quota"),
    ],
)
def test_the_error_type_is_found_wherever_it_stands(error: dict[str, object]) -> None:
    failure = the_end(decoded(sse(error))).failure
    assert failure is not None
    assert failure.error_type == "insufficient_quota"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (event("error", code=502, message="Bad"), "502", "Bad"),
        (event("error", error={"code": 429, "message": None}), "429", ""),
        (event("error", error="just words"), "", "just words"),
        (event("error", error={"message": ["odd"]}), "", ""),
        (event("error"), "", ""),
        (event("response.failed", response=None), "", ""),
    ],
)
def test_an_odd_error_still_ends_the_stream_with_what_it_tells(
    error: dict[str, object], code: str, message: str
) -> None:
    failure = the_end(decoded(sse(error))).failure
    assert failure is not None
    assert (failure.code, failure.message) == (code, message)


def test_an_error_that_a_failed_response_follows_is_told_once() -> None:
    told = decoded(sse(event("error", error={"code": "x", "message": "m"}), failed()))
    assert told == [the_end(told)]


def test_an_error_message_stays_out_of_the_representation() -> None:
    assert "my prompt" not in repr(decoded(sse(event("error", message="my prompt"))))


@pytest.mark.parametrize(
    "word",
    ["context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"],
)
def test_running_out_of_room_after_some_text_is_a_short_answer(word: str) -> None:
    end = the_end(decoded(sse(text_delta("Half a sen"), failed(error_type=word))))
    assert (end.status, end.incomplete_reason) == (EndStatus.INCOMPLETE, "max_output_tokens")
    assert end.failure is None


def test_running_out_of_room_before_any_text_is_an_error_the_user_hears_of() -> None:
    error = {"code": "context_length_exceeded", "message": "Too long"}
    end = the_end(decoded(sse(event("error", error=error))))
    assert end.status is EndStatus.ERROR
    assert end.failure is not None
    assert end.failure.message == "Too long"


@pytest.mark.parametrize(
    "events",
    [
        (event("response.in_progress", response={"usage": USAGE}), event("error", code="x")),
        (event("error", code="x", usage=USAGE),),
        (failed(usage=USAGE),),
        (event("response.completed", response={"usage": None}, usage=USAGE),),
    ],
)
def test_usage_is_read_wherever_it_appears(events: tuple[dict[str, object], ...]) -> None:
    assert the_end(decoded(sse(*events))).usage == READ_USAGE


def test_usage_may_lack_any_part() -> None:
    usage = {"input_tokens": 7, "output_tokens": 1.0, "output_tokens_details": None}
    assert the_end(decoded(sse(completed(usage=usage)))).usage == Usage(
        input_tokens=7, output_tokens=1, total_tokens=8
    )


@pytest.mark.parametrize("usage", [None, [], "much", {"input_tokens": {}}])
def test_a_strange_usage_does_not_cost_the_terminal_event(usage: object) -> None:
    end = the_end(decoded(sse(completed(usage=usage))))
    assert (end.status, end.usage) == (EndStatus.COMPLETED, None)


@pytest.mark.parametrize("output", [None, {}, [1], [{"type": "message", "content": "text"}]])
def test_a_strange_output_does_not_cost_the_terminal_event(output: object) -> None:
    end = the_end(decoded(sse(text_delta("a"), completed(output=output))))
    assert end.status is EndStatus.COMPLETED


def test_numbers_that_no_json_has_do_not_cost_the_terminal_event() -> None:
    stream = sse(completed(usage={"cost": float("nan"), "input_tokens": 3}))
    usage = the_end(decoded(stream)).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cost_usd) == (3, None)


def test_an_error_is_told_with_the_id_and_model_that_the_stream_began_with() -> None:
    begun = event("response.created", response={"id": "gen-7", "model": "a/b", "output": []})
    end = the_end(decoded(sse(begun, event("error", code="x"))))
    assert (end.response_id, end.model) == ("gen-7", "a/b")


def test_skipped_events_are_told_before_the_end() -> None:
    told = decoded(b"data: {\n\n" + sse(completed()))
    assert told == [EventSkipped(count=1), the_end(told)]
