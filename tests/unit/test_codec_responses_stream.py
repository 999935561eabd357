import pytest

from actors.values import (
    EventSkipped,
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningMade,
    ReasoningStated,
    RefusalAdvanced,
    RefusalStated,
    StreamEvent,
    TextAdvanced,
    TextStated,
)
from tests.unit.responses_script import (
    DONE,
    before_the_end,
    completed,
    decoded,
    event,
    message,
    raw_delta,
    sse,
    summary_delta,
    text_delta,
    the_end,
)


def text(words: str, output: int = 0, content: int = 0) -> TextAdvanced:
    return TextAdvanced(output_index=output, content_index=content, text=words)


def thought(words: str, kind: ReasoningKind, output: int = 0, part: int = 0) -> ReasoningAdvanced:
    return ReasoningAdvanced(output_index=output, part_index=part, kind=kind, text=words)


def test_deltas_of_one_read_are_one_event() -> None:
    assert before_the_end(*map(text_delta, ["Hel", "lo", "", "!"])) == [text("Hello!")]


def test_each_read_tells_at_once_what_it_brought() -> None:
    first, second = sse(text_delta("a")), sse(text_delta("b"))
    assert decoded(first, second) == [text("a"), text("b")]


def test_items_that_overlap_are_kept_apart_by_their_index() -> None:
    told = before_the_end(
        text_delta("4", output=1), raw_delta("think", output=0), text_delta("2", output=1)
    )
    assert told == [
        text("4", output=1),
        thought("think", ReasoningKind.RAW),
        text("2", output=1),
    ]


def test_parts_of_one_item_are_kept_apart() -> None:
    told = before_the_end(text_delta("a", content=0), text_delta("b", content=1))
    assert told == [text("a"), text("b", content=1)]


def test_raw_thinking_and_summaries_are_told_as_what_they_are() -> None:
    told = before_the_end(
        raw_delta("hm"), summary_delta("**Plan**", summary=0), summary_delta("Go", summary=1)
    )
    assert told == [
        thought("hm", ReasoningKind.RAW),
        thought("**Plan**", ReasoningKind.SUMMARY),
        thought("Go", ReasoningKind.SUMMARY, part=1),
    ]


def test_a_refusal_is_told_as_a_refusal() -> None:
    told = before_the_end(
        event("response.refusal.delta", output_index=0, content_index=0, delta="No")
    )
    assert told == [RefusalAdvanced(output_index=0, content_index=0, text="No")]


def test_a_longer_statement_does_not_touch_what_was_streamed() -> None:
    told = before_the_end(
        text_delta("Got it"),
        event("response.output_text.done", output_index=0, content_index=0, text="Got it, all"),
        event("response.output_item.done", output_index=0, item=message("Got it, all of it")),
    )
    assert told == [text("Got it")]


STATEMENTS = {
    "text": (
        event("response.output_text.done", output_index=2, content_index=1, text="T"),
        TextStated(output_index=2, content_index=1, text="T"),
    ),
    "refusal": (
        event("response.refusal.done", output_index=0, content_index=0, refusal="R"),
        RefusalStated(output_index=0, content_index=0, text="R"),
    ),
    "raw thinking": (
        event("response.reasoning_text.done", output_index=0, content_index=0, text="H"),
        ReasoningStated(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="H"),
    ),
    "summary": (
        event("response.reasoning_summary_text.done", output_index=0, summary_index=3, text="S"),
        ReasoningStated(output_index=0, part_index=3, kind=ReasoningKind.SUMMARY, text="S"),
    ),
    "content part": (
        event(
            "response.content_part.done",
            output_index=0,
            content_index=1,
            part={"type": "output_text", "text": "P"},
        ),
        TextStated(output_index=0, content_index=1, text="P"),
    ),
    "summary part": (
        event(
            "response.reasoning_summary_part.done",
            output_index=0,
            summary_index=1,
            part={"type": "summary_text", "text": "P"},
        ),
        ReasoningStated(output_index=0, part_index=1, kind=ReasoningKind.SUMMARY, text="P"),
    ),
    "message item": (
        event("response.output_item.done", output_index=4, item=message("", "M")),
        TextStated(output_index=4, content_index=1, text="M"),
    ),
    "reasoning item": (
        event(
            "response.output_item.done",
            output_index=0,
            item={"type": "reasoning", "summary": [{"type": "summary_text", "text": "S"}]},
        ),
        ReasoningStated(output_index=0, part_index=0, kind=ReasoningKind.SUMMARY, text="S"),
    ),
}


@pytest.mark.parametrize(("statement", "told"), STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_is_told_once_where_nothing_was_streamed(
    statement: dict[str, object], told: StreamEvent
) -> None:
    # That an item of thinking is finished is a thing of its own.
    events = before_the_end(statement, statement)
    assert [event for event in events if not isinstance(event, ReasoningMade)] == [told]


def test_an_empty_delta_leaves_its_part_to_be_stated() -> None:
    told = before_the_end(
        text_delta(""), event("response.output_text.done", output_index=0, text="all")
    )
    assert told == [TextStated(output_index=0, content_index=0, text="all")]


def test_the_terminal_output_fills_an_item_that_was_never_streamed() -> None:
    told = decoded(sse(text_delta("A", output=0), completed(message("A"), message("B"))))
    assert told[:-1] == [text("A"), TextStated(output_index=1, content_index=0, text="B")]


def test_an_empty_terminal_output_leaves_what_was_streamed() -> None:
    assert decoded(sse(text_delta("A"), completed(output_text="")))[:-1] == [text("A")]


def test_a_terminal_output_without_the_hidden_items_repeats_nothing() -> None:
    told = decoded(
        sse(
            text_delta("Got it", output=0),
            text_delta("Here", output=2),
            completed(message("Got it, all"), message("Here, all")),
        )
    )
    assert told[:-1] == [text("Got it"), text("Here", output=2)]


@pytest.mark.parametrize("step", ["added", "done"])
def test_an_announced_item_without_text_tells_which_terminal_item_is_which(step: str) -> None:
    hidden = event(f"response.output_item.{step}", output_index=0, item={"type": "reasoning"})
    told = decoded(sse(hidden, text_delta("A", output=1), completed(message("A"), message("A"))))
    assert [event for event in told[:-1] if not isinstance(event, ReasoningMade)] == [
        text("A", output=1)
    ]


def test_a_terminal_output_with_an_item_more_than_was_announced_repeats_nothing() -> None:
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "S"}]}
    told = decoded(sse(text_delta("A", output=0), completed(reasoning, message("A"))))
    assert text("A") == told[0]
    assert [type(event) for event in told[1:-1]] == [ReasoningStated, ReasoningMade]


def test_unknown_events_items_and_parts_are_ignored() -> None:
    told = before_the_end(
        event("response.debug", debug={"delta": {}}),
        event("response.future.delta", delta={"a": 1}, output_index="x"),
        event("response.output_item.added", output_index=0, item={"type": "new:thing"}),
        event("response.output_item.done", output_index=0, item={"type": "new", "content": "x"}),
        event("response.content_part.done", output_index=0, part={"type": "hologram", "text": "x"}),
        text_delta("ok", output=1),
    )
    assert told == [text("ok", output=1)]


def test_an_undecodable_event_is_counted_and_the_answer_goes_on() -> None:
    bad = b'data: {"type":\n\ndata: []\n\ndata: {}\n\ndata: {"type":7}\n\ndata: {"a":"\xff\n\n'
    wrong = sse(event("response.output_text.delta", delta={"not": "text"}))
    told = decoded(sse(text_delta("a")) + bad + wrong + sse(text_delta("b"), completed()))
    assert told[:-1] == [text("a"), text("b"), EventSkipped(count=6)]


def test_bytes_that_are_no_utf8_cost_a_character_and_not_the_event() -> None:
    broken = sse(text_delta("caf?")).replace(b"?", b"\xff")
    assert decoded(broken) == [text("caf\ufffd")]


@pytest.mark.parametrize("depth", [500, 900, 1_000, 100_000])
@pytest.mark.parametrize("torn", [b"", rb"\ud83d"])
def test_json_nested_without_end_stops_nothing(depth: int, torn: bytes) -> None:
    nested = b'"a":' + b"[" * depth + b'"' + torn + b'"' + b"]" * depth
    stream = b'data: {"type":"response.output_item.done",' + nested + b"}\n\n"
    told = decoded(stream + sse(text_delta("a"), completed()))
    assert the_end(told) == told[-1]


def test_a_null_delta_is_an_empty_one() -> None:
    null = event("response.output_text.delta", output_index=None, delta=None)
    assert before_the_end(null, text_delta("a")) == [text("a")]


def test_nothing_after_the_terminal_event_is_read() -> None:
    told = decoded(sse(text_delta("a"), completed(), text_delta("b"), completed()) + b"data: {\n\n")
    assert told[0] == text("a")
    assert told[1:] == [the_end(told)]


@pytest.mark.parametrize("tail", [b"", DONE, DONE + DONE, DONE + sse(text_delta("late"))])
def test_the_done_mark_may_be_missing_doubled_or_followed_by_data(tail: bytes) -> None:
    told = decoded(sse(text_delta("a"), completed()) + tail)
    assert told == [text("a"), the_end(told)]


@pytest.mark.parametrize("tail", [b"", DONE, DONE + sse(completed())])
def test_a_stream_without_a_terminal_event_has_no_end(tail: bytes) -> None:
    assert decoded(sse(text_delta("a")) + tail) == [text("a")]


def test_a_terminal_event_without_its_blank_line_still_ends_the_stream() -> None:
    told = decoded(sse(text_delta("a"), completed()).rstrip(b"\n"))
    assert the_end(told) == told[-1]


def test_an_event_cut_off_by_the_end_of_the_body_is_skipped() -> None:
    assert decoded(sse(text_delta("a")) + b'data: {"type":"resp') == [
        text("a"),
        EventSkipped(count=1),
    ]
