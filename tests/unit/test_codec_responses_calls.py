"""Calls in a stream: begun once, told once, in their final wording."""

import pytest
from msgspec import Raw

from actors.values import EndStatus, ToolCall, ToolCallBegan, ToolCalled
from bridge.openrouter.codec_responses_calls import ARGUMENTS_CHARS_MAX, CallLedger
from bridge.openrouter.wire_responses_items import Item
from tests.unit.responses_script import (
    DONE,
    arguments_delta,
    before_the_end,
    completed,
    decoded,
    event,
    function_call,
    item_added,
    item_done,
    sse,
    text_delta,
    the_end,
)

BEGAN = ToolCallBegan(output_index=0, name="look")


def called(arguments: str, output: int = 0, call_id: str = "call_1") -> ToolCalled:
    call = ToolCall(call_id=call_id, name="look", arguments=arguments)
    return ToolCalled(output_index=output, call=call)


def arguments_done(arguments: str, **fields: object) -> dict[str, object]:
    return event(
        "response.function_call_arguments.done", output_index=0, arguments=arguments, **fields
    )


def incomplete(*output: object) -> dict[str, object]:
    details = {"reason": "max_output_tokens"}
    response = {"status": "incomplete", "incomplete_details": details, "output": output}
    return event("response.incomplete", response=response)


def test_a_call_is_begun_with_its_name_and_told_with_its_finished_item() -> None:
    whole = function_call('{"a":1}')
    told = decoded(
        sse(
            item_added(function_call()),
            arguments_delta('{"a"'),
            arguments_delta(":1}"),
            arguments_done('{"a":1}', name="look"),
            item_done(whole),
            completed(whole),
        )
    )
    assert told[:-1] == [BEGAN, called('{"a":1}')]


def test_a_call_is_told_as_soon_as_its_item_is_finished() -> None:
    assert decoded(sse(item_added(function_call()), item_done(function_call("{}")))) == [
        BEGAN,
        called("{}"),
    ]


@pytest.mark.parametrize(
    "events",
    [
        (item_added(function_call()), arguments_delta('{"a"'), arguments_delta(":1}")),
        (item_added(function_call()), arguments_done('{"a":1}')),
        (item_added(function_call()), arguments_delta("{"), arguments_done('{"a":1}')),
        (item_added(function_call('{"a":1}')),),
        (item_added(function_call("{}")), arguments_delta('{"a":1}')),
    ],
)
def test_without_a_finished_item_the_arguments_are_what_was_said_of_them(
    events: tuple[dict[str, object], ...],
) -> None:
    assert before_the_end(*events) == [BEGAN, called('{"a":1}')]


@pytest.mark.parametrize(
    "deltas", [(), (arguments_delta('{"a"'), arguments_delta(":1}"))], ids=["none", "some"]
)
def test_a_finished_item_may_leave_its_arguments_to_the_events_before(
    deltas: tuple[dict[str, object], ...],
) -> None:
    done = arguments_done('{"a":1}') if not deltas else text_delta("")
    told = before_the_end(item_added(function_call()), *deltas, done, item_done(function_call()))
    assert told == [BEGAN, called('{"a":1}')]


def test_a_call_that_only_the_terminal_output_names_is_told() -> None:
    told = decoded(sse(text_delta("Hm"), completed({"type": "message"}, function_call("{}"))))
    assert told[1:-1] == [called("{}", output=1)]


def test_no_arguments_stay_no_arguments() -> None:
    assert before_the_end(item_added(function_call()), item_done(function_call(""))) == [
        BEGAN,
        called(""),
    ]


def test_arguments_that_a_host_writes_as_an_object_are_their_json_text() -> None:
    item = {**function_call(), "arguments": {"a": [1]}}
    assert before_the_end(item_done(item)) == [called('{"a": [1]}')]


def test_calls_that_are_written_at_the_same_time_are_kept_apart() -> None:
    second = function_call(call_id="call_2")
    told = before_the_end(
        item_added(function_call()),
        item_added(second, 1),
        arguments_delta("[1", 0),
        arguments_delta("[2", 1),
        arguments_delta("]", 1),
        arguments_delta("]", 0),
    )
    assert told[2:] == [called("[1]"), called("[2]", output=1, call_id="call_2")]


def test_the_name_may_come_late() -> None:
    told = before_the_end(
        item_added(function_call(name="")), arguments_done("{}", name="look"), text_delta("x", 1)
    )
    assert told[0] == BEGAN


def test_the_input_of_a_custom_tool_is_its_argument() -> None:
    item = {"type": "custom_tool_call", "call_id": "call_1", "name": "look", "input": ""}
    pieces = [
        event("response.custom_tool_call_input.delta", output_index=0, delta=delta)
        for delta in ("SELECT", " 1")
    ]
    done = event("response.custom_tool_call_input.done", output_index=0, input="SELECT 1")
    for rest in ([], [done], [item_done({**item, "input": "SELECT 1"})]):
        assert before_the_end(item_added(item), *pieces, *rest) == [BEGAN, called("SELECT 1")]


def test_an_incomplete_answer_tells_a_call_as_far_as_it_was_written() -> None:
    cut = function_call('{"a":"The c', status="incomplete")
    for rest in ([], [item_done(cut)]):
        told = decoded(
            sse(item_added(function_call()), arguments_delta('{"a":"The c'), *rest, incomplete())
        )
        assert told[:-1] == [BEGAN, called('{"a":"The c')]
        assert the_end(told).status is EndStatus.INCOMPLETE


def test_a_cut_call_makes_an_answer_incomplete_that_calls_itself_complete() -> None:
    cut = function_call('{"a":"The c', status="incomplete")
    for events in ((item_done(cut), completed(cut)), (completed(cut, usage={}),)):
        assert the_end(decoded(sse(*events))).status is EndStatus.INCOMPLETE


@pytest.mark.parametrize(
    "end", [event("error", message="Boom"), event("response.failed", response={})]
)
def test_an_answer_that_failed_tells_no_unfinished_call(end: dict[str, object]) -> None:
    told = decoded(sse(item_added(function_call()), arguments_delta("{}"), end))
    assert told == [BEGAN, the_end(told)]


@pytest.mark.parametrize("tail", [b"", DONE])
def test_a_stream_without_an_end_tells_no_unfinished_call(tail: bytes) -> None:
    assert decoded(sse(item_added(function_call()), arguments_delta("{}")) + tail) == [BEGAN]


def test_a_call_is_not_told_again_under_another_index() -> None:
    hidden = {"type": "reasoning", "id": "rs_1", "summary": []}
    call = function_call("{}")
    told = decoded(sse(item_done(call, 3), completed(hidden, call)))
    assert [each for each in told if isinstance(each, ToolCalled)] == [called("{}", output=3)]


def test_a_terminal_output_with_one_call_more_tells_that_one() -> None:
    first, second = function_call("[1]"), function_call("[2]", call_id="call_2")
    told = decoded(sse(item_done(first, 3), completed(first, second)))
    assert [each.call for each in told if isinstance(each, ToolCalled)] == [
        called("[1]").call,
        called("[2]", call_id="call_2").call,
    ]


def test_a_call_whose_id_changes_at_the_end_is_not_told_twice() -> None:
    told = decoded(sse(item_done(function_call("{}")), completed(function_call("{}", call_id="x"))))
    assert told[:-1] == [called("{}")]


@pytest.mark.parametrize(("item_id", "call_id"), [("fc_tmp_1", "fc_tmp_1"), (None, "call_0")])
def test_a_call_without_an_id_gets_one(item_id: str | None, call_id: str) -> None:
    assert before_the_end(item_done(function_call("{}", call_id=None, id=item_id))) == [
        called("{}", call_id=call_id)
    ]


def test_half_a_character_between_two_pieces_of_arguments_is_joined() -> None:
    torn = rb'data: {"type":"response.function_call_arguments.delta","delta":"%s"}' + b"\n\n"
    told = decoded(
        sse(item_added(function_call())) + torn % rb"\ud83d" + torn % rb"\ude00" + sse(completed())
    )
    assert told[1] == called("😀")


def test_calls_of_the_provider_s_own_tools_are_nobody_s_business() -> None:
    for kind in ("code_interpreter_call", "openrouter:bash", "mcp_call", "new:thing"):
        item = {**function_call("{}"), "type": kind}
        assert before_the_end(item_added(item), item_done(item)) == []


def test_arguments_are_held_up_to_a_bound_and_no_gap_is_closed() -> None:
    ledger = CallLedger()
    ledger.advance(0, "x" * (ARGUMENTS_CHARS_MAX - 1))
    ledger.advance(0, "yy")
    ledger.advance(0, "z")
    ledger.advance(1, "z")
    assert told_arguments(ledger, 0) == "x" * (ARGUMENTS_CHARS_MAX - 1)
    assert told_arguments(ledger, 1) == ""


def told_arguments(ledger: CallLedger, output: int) -> str:
    item = Item(type="function_call", call_id=Raw(b'"call_%d"' % output))
    (told,) = ledger.finish(output, item)
    assert isinstance(told, ToolCalled)
    return told.call.arguments
