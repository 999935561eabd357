from __future__ import annotations

import json
from typing import cast

import pytest

from actors.values import (
    EndStatus,
    EventSkipped,
    ReasoningAdvanced,
    ReasoningKind,
    RefusalAdvanced,
    StreamEnded,
    StreamEvent,
    TextAdvanced,
    TextStated,
    Usage,
)
from bridge.transforms.chat_chunks import (
    ChunkWriter,
    FinishReason,
    PieceKind,
    completion_dict,
    error_dict,
    error_line,
    event_line,
    finish_reason,
    pieces_of,
    usage_dict,
)

CONTENT, REASONING = PieceKind.CONTENT, PieceKind.REASONING
TEXTS = (CONTENT, REASONING)
WRITER = ChunkWriter(model='room."m"', completion_id="chatcmpl-1", created_s=1700000000)
USAGE = Usage(
    input_tokens=10,
    output_tokens=5,
    total_tokens=15,
    reasoning_tokens=2,
    cached_tokens=3,
    cost_usd=0.00012,
)


def read(line: str) -> dict[str, object]:
    assert line.startswith("data: {")
    return cast("dict[str, object]", json.loads(line.removeprefix("data: ")))


def chunk(*choices: object, **more: object) -> dict[str, object]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": 'room."m"',
        "choices": list(choices),
        **more,
    }


@pytest.mark.parametrize("kind", TEXTS)
def test_a_delta_is_one_chunk_of_its_kind(kind: PieceKind) -> None:
    assert read(WRITER.delta(kind, 'say "hi"\n')) == chunk(
        {"index": 0, "delta": {kind.value: 'say "hi"\n'}, "finish_reason": None}
    )


def test_the_kinds_carry_the_names_open_webui_reads() -> None:
    assert [kind.value for kind in TEXTS] == ["content", "reasoning_content"]


@pytest.mark.parametrize("reason", FinishReason)
def test_the_last_chunk_says_how_the_answer_ended(reason: FinishReason) -> None:
    assert read(WRITER.finish(reason)) == chunk(
        {"index": 0, "delta": {}, "finish_reason": reason.value}
    )


def test_usage_comes_in_a_chunk_without_choices() -> None:
    assert read(WRITER.usage(USAGE)) == chunk(
        usage={
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
            "cost": 0.00012,
        }
    )


def test_usage_counts_rounds_and_tools_where_they_are_known() -> None:
    """SPEC 95."""
    told = cast("dict[str, int]", read(WRITER.usage(USAGE, rounds=3, tool_calls=4))["usage"])
    assert (told["turn_count"], told["function_call_count"]) == (3, 4)
    assert told.items() >= usage_dict(USAGE).items()


@pytest.mark.parametrize("cost_usd", [None, float("nan"), float("inf")])
def test_an_unknown_cost_is_left_out(cost_usd: float | None) -> None:
    assert "cost" not in usage_dict(Usage(cost_usd=cost_usd))


def test_a_missing_total_is_the_sum() -> None:
    assert usage_dict(Usage(input_tokens=2, output_tokens=3))["total_tokens"] == 5


def test_neighbours_of_a_kind_share_a_line() -> None:
    pieces = [(REASONING, "a"), (REASONING, "b"), (CONTENT, "c"), (CONTENT, "d"), (REASONING, "e")]
    assert WRITER.lines(pieces) == [
        WRITER.delta(REASONING, "ab"),
        WRITER.delta(CONTENT, "cd"),
        WRITER.delta(REASONING, "e"),
    ]


def test_halves_of_a_character_in_neighbouring_pieces_are_joined() -> None:
    assert WRITER.lines([(CONTENT, "\ud83d"), (CONTENT, "\ude00")]) == [
        WRITER.delta(CONTENT, "\U0001f600")
    ]


@pytest.mark.parametrize(
    "pieces", [[], [(CONTENT, "")], [(CONTENT, ""), (REASONING, ""), (CONTENT, "")]]
)
def test_nothing_to_say_makes_no_line(pieces: list[tuple[PieceKind, str]]) -> None:
    assert WRITER.lines(pieces) == []


def test_events_stand_between_texts_and_are_never_joined() -> None:
    """SPEC 85."""
    event = event_line("status", {"description": "x", "done": True})
    kind = PieceKind.EVENT
    pieces = [(CONTENT, "a"), (kind, event), (kind, event), (CONTENT, "b"), (CONTENT, "c")]
    assert WRITER.lines(pieces) == [
        WRITER.delta(CONTENT, "a"),
        event,
        event,
        WRITER.delta(CONTENT, "bc"),
    ]
    assert WRITER.lines([(kind, event)]) == [event]


@pytest.mark.parametrize("before", [[], [(CONTENT, "")]])
def test_calls_are_a_delta_of_their_own(before: list[tuple[PieceKind, str]]) -> None:
    """SPEC 78."""
    calls = '[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]'
    (line,) = WRITER.lines([*before, (PieceKind.TOOL_CALLS, calls)])
    delta = {"tool_calls": json.loads(calls)}
    assert read(line) == chunk({"index": 0, "delta": delta, "finish_reason": None})


def test_an_image_that_nobody_stored_is_shown_in_the_text() -> None:
    """SPEC 94."""
    url = "data:image/png;base64,AAAA"
    assert WRITER.lines([(PieceKind.IMAGE, url)]) == [
        WRITER.delta(CONTENT, f"![Generated image]({url})\n\n")
    ]


def test_a_side_event_is_a_chunk_of_its_own() -> None:
    line = event_line("status", {"description": "Thinking\u2026", "done": False})
    assert read(line) == {
        "event": {"type": "status", "data": {"description": "Thinking\u2026", "done": False}}
    }


def test_an_error_stands_in_both_fields_that_open_webui_reads() -> None:
    assert read(error_line("no\ncredit")) == error_dict("no\ncredit")
    assert error_dict("x") == {"error": {"message": "x", "detail": "x"}}


def test_text_thinking_and_refusals_are_shown_in_order() -> None:
    events: list[StreamEvent] = [
        ReasoningAdvanced(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="hm"),
        TextAdvanced(output_index=1, content_index=0, text="a"),
        TextStated(output_index=1, content_index=0, text="a"),
        EventSkipped(count=1),
        RefusalAdvanced(output_index=2, content_index=0, text="no"),
        StreamEnded(status=EndStatus.COMPLETED),
    ]
    assert pieces_of(events) == [(REASONING, "hm"), (CONTENT, "a"), (CONTENT, "no")]


@pytest.mark.parametrize(
    ("incomplete_reason", "reason"),
    [
        (None, FinishReason.STOP),
        ("max_output_tokens", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("a new word", FinishReason.LENGTH),
    ],
)
def test_a_finish_reason_never_calls_half_an_answer_whole(
    incomplete_reason: str | None, reason: FinishReason
) -> None:
    assert finish_reason(incomplete_reason) is reason


def test_an_answer_that_ends_with_calls_says_so_unless_it_was_cut() -> None:
    """SPEC 78."""
    assert finish_reason(None, has_calls=True) is FinishReason.TOOL_CALLS
    assert finish_reason("max_output_tokens", has_calls=True) is FinishReason.LENGTH


@pytest.mark.parametrize(("content", "shown"), [("", None), ("so", "so")])
def test_a_whole_answer_holds_the_calls_for_whoever_asked(content: str, shown: str | None) -> None:
    """SPEC 25, 78."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = completion_dict(
        model="m",
        completion_id="c",
        created_s=1,
        content=content,
        reason=FinishReason.TOOL_CALLS,
        usage=usage_dict(USAGE, rounds=2, tool_calls=0),
        tool_calls=[call],
    )
    message = {"role": "assistant", "content": shown, "tool_calls": [call]}
    assert answer["choices"] == [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    assert cast("dict[str, int]", answer["usage"])["turn_count"] == 2


def test_a_whole_answer_has_text_thinking_reason_and_usage() -> None:
    answer = completion_dict(
        model="m",
        completion_id="c",
        created_s=1,
        content="yes",
        reasoning="hm",
        reason=FinishReason.STOP,
        usage=USAGE,
    )
    message = {"role": "assistant", "content": "yes", "reasoning_content": "hm"}
    assert answer == {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage_dict(USAGE),
    }


def test_an_answer_without_thinking_or_usage_does_not_name_them() -> None:
    answer = completion_dict(
        model="m", completion_id="c", created_s=1, content="", reason=FinishReason.ERROR
    )
    assert "usage" not in answer
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "error"}
    ]
