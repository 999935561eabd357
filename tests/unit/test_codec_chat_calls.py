import json

import pytest

from actors.values import EventSkipped, StreamEvent, TextAdvanced, ToolCallBegan, ToolCalled
from tests.unit.chat_script import (
    DONE,
    call_piece,
    chunk,
    decoded,
    finished,
    only,
    sse,
    text_delta,
)


def calls(*events: object) -> list[tuple[int, str, str, str]]:
    """Place, id, name and arguments of the calls of a finished answer."""
    told = decoded(sse(*events, finished("tool_calls")), DONE)
    return [placed(event) for event in only(told, ToolCalled)]


def placed(event: ToolCalled) -> tuple[int, str, str, str]:
    return event.output_index, event.call.call_id, event.call.name, event.call.arguments


def test_a_call_is_announced_by_its_name_and_told_whole_before_the_end() -> None:
    told = decoded(
        sse(
            text_delta("a"),
            call_piece(0, "c1", "look", ""),
            call_piece(0, arguments='{"a":'),
            call_piece(0, arguments="1}"),
            finished("tool_calls"),
        ),
        DONE,
    )
    kinds = [type(event) for event in told[:-1]]
    assert kinds == [TextAdvanced, ToolCallBegan, ToolCalled]
    assert told[1] == ToolCallBegan(output_index=2, name="look")
    assert [placed(event) for event in only(told, ToolCalled)] == [(2, "c1", "look", '{"a":1}')]


def test_pieces_of_several_calls_may_interleave() -> None:
    assert calls(
        call_piece(0, "c1", "f", "{"),
        call_piece(1, "c2", "g", "["),
        call_piece(0, arguments="}"),
        call_piece(1, arguments="]"),
    ) == [(2, "c1", "f", "{}"), (3, "c2", "g", "[]")]


def test_indexes_may_start_anywhere() -> None:
    assert calls(call_piece(7, "c1", "f"), call_piece(9, "c2", "g")) == [
        (2, "c1", "f", ""),
        (3, "c2", "g", ""),
    ]


def test_an_id_that_is_repeated_begins_nothing_and_another_one_does() -> None:
    assert calls(
        call_piece(0, "c1", "f", "{"), call_piece(0, "c1", "f", "}"), call_piece(0, "c2", "g", "{}")
    ) == [(2, "c1", "f", "{}"), (3, "c2", "g", "{}")]


def test_calls_without_an_index_follow_each_other() -> None:
    assert calls(
        call_piece(None, "c1", "f", "{"),
        call_piece(None, None, None, "}"),
        call_piece(None, None, "g", "[]"),
    ) == [(2, "c1", "f", "{}"), (3, "call_gen-1_3", "g", "[]")]


def test_a_call_without_an_id_gets_one_because_its_output_must_name_it() -> None:
    assert calls(call_piece(0, "", "f"), call_piece(1, None, "g")) == [
        (2, "call_gen-1_2", "f", ""),
        (3, "call_gen-1_3", "g", ""),
    ]


def test_a_call_without_a_name_is_counted_and_not_told() -> None:
    told = decoded(sse(call_piece(0, "c1", None, "{}"), finished("tool_calls")), DONE)
    assert only(told, ToolCalled) == []
    assert only(told, EventSkipped) == [EventSkipped(count=1)]


@pytest.mark.parametrize("function", [None, {}, {"arguments": None}, {"name": None}])
def test_an_empty_piece_changes_nothing(function: object) -> None:
    empty = chunk(content=None, tool_calls=[{"index": 0, "function": function}])
    assert calls(call_piece(0, "c1", "f", "{"), empty, call_piece(0, arguments="}")) == [
        (2, "c1", "f", "{}")
    ]


def test_arguments_are_told_as_the_model_wrote_them() -> None:
    assert calls(call_piece(0, "c1", "f", ' {"a" : 1.0e2} ')) == [(2, "c1", "f", ' {"a" : 1.0e2} ')]


def test_arguments_that_a_host_forgot_to_write_as_text_are_written() -> None:
    piece = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": {"a": [1]}}}
    assert calls(chunk(content=None, tool_calls=[piece])) == [(2, "c1", "f", '{"a":[1]}')]


def test_halves_of_a_character_meet_in_arguments() -> None:
    pieces = [call_piece(0, "c1", "f", '{"a":"\ud83d'), call_piece(0, arguments='\ude00"}')]
    framed = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces)
    told: list[StreamEvent] = decoded(framed, sse(finished("tool_calls")), DONE)
    assert [placed(event) for event in only(told, ToolCalled)] == [(2, "c1", "f", '{"a":"😀"}')]


@pytest.mark.parametrize("ending", [b"", DONE])
def test_an_answer_that_breaks_off_tells_no_calls(ending: bytes) -> None:
    told = decoded(sse(call_piece(0, "c1", "f", "{}")), ending)
    assert [type(event) for event in told] == [ToolCallBegan]
