from __future__ import annotations

import json
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from actors.values import ToolCall
from bridge.transforms.chat_chunks import (
    ChunkWriter,
    PieceKind,
    completion_dict,
    error_line,
    event_line,
    finish_reason,
)
from bridge.transforms.json_text import json_text
from bridge.transforms.text import whole
from bridge.transforms.tool_calls import call_deltas

# Every code point, lone surrogates and every kind of line break included.
TEXTS = st.text(
    alphabet=st.characters(exclude_categories=())
    | st.sampled_from(["\n", "\r", "\x85", "\u2028", "\u2029", "\ud83d", "\ude00", '"', "\\"])
)
TEXT_KINDS = (PieceKind.CONTENT, PieceKind.REASONING)
TEXT_PIECES = st.tuples(st.sampled_from(TEXT_KINDS), TEXTS)
PIECES = st.lists(TEXT_PIECES)
CALLS = st.lists(
    st.builds(ToolCall, call_id=TEXTS, name=TEXTS, arguments=TEXTS), min_size=1, max_size=3
)
OTHERS = (
    st.builds(lambda text: (PieceKind.EVENT, event_line("status", {"description": text})), TEXTS)
    | st.builds(lambda text: (PieceKind.IMAGE, f"data:{text}"), TEXTS)
    | st.builds(
        lambda calls: (PieceKind.TOOL_CALLS, json_text(call_deltas(calls, str.upper))), CALLS
    )
)


def read(line: str) -> dict[str, object]:
    assert line.splitlines() == [line]
    assert line.startswith("data: {")
    line.encode()
    value = json.loads(line.removeprefix("data: "))
    assert isinstance(value, dict)
    return value


def delta_of(line: str) -> dict[str, str]:
    (choice,) = json.loads(line.removeprefix("data: "))["choices"]
    delta: dict[str, str] = choice["delta"]
    return delta


@given(model=TEXTS, completion_id=TEXTS, pieces=PIECES)
def test_lines_are_single_chunks_that_together_say_it_all(
    model: str, completion_id: str, pieces: list[tuple[PieceKind, str]]
) -> None:
    writer = ChunkWriter(model=model, completion_id=completion_id, created_s=1)
    lines = writer.lines(pieces)
    assert all(read(line)["model"] == whole(model) for line in lines)
    for kind in TEXT_KINDS:
        shown = "".join(delta_of(line).get(kind.value, "") for line in lines)
        said = "".join(text for of_kind, text in pieces if of_kind is kind)
        # Where another kind stands between two halves they cannot meet; all else is the same.
        assert len(shown) >= len(whole(said))
        if not any("\ud800" <= char <= "\udfff" for char in said):
            assert shown == said


@given(pieces=st.lists(TEXT_PIECES | OTHERS))
def test_whatever_waits_becomes_lines_of_one_value_each_and_in_order(
    pieces: list[tuple[PieceKind, str]],
) -> None:
    writer = ChunkWriter(model="m", completion_id="c", created_s=1)
    values = [read(line) for line in writer.lines(pieces)]
    events = [value["event"] for value in values if "event" in value]
    assert events == [read(text)["event"] for kind, text in pieces if kind is PieceKind.EVENT]
    deltas = [delta_of(json.dumps(value)) for value in values if "choices" in value]
    assert all(len(delta) == 1 for delta in deltas)
    calls = [delta["tool_calls"] for delta in deltas if "tool_calls" in delta]
    assert calls == [json.loads(text) for kind, text in pieces if kind is PieceKind.TOOL_CALLS]
    # An image is content here: it takes its place among the texts.
    shown = [next(iter(delta)) for delta in deltas]
    said = [_seen_as(kind) for kind, text in pieces if text and kind is not PieceKind.EVENT]
    assert _runs(shown) == _runs(said)


def _seen_as(kind: PieceKind) -> str:
    return (PieceKind.CONTENT if kind is PieceKind.IMAGE else kind).value


def _runs(kinds: list[str]) -> list[str]:
    return [kind for kind, _ in groupby(kinds)]


@given(calls=CALLS)
def test_a_call_always_has_an_index_and_arguments(calls: list[ToolCall]) -> None:
    told = call_deltas(calls, str, first_index=2)
    assert [each["index"] for each in told] == [*range(2, 2 + len(calls))]
    for each, call in zip(told, calls, strict=True):
        assert each["function"] == {
            "name": call.name,
            "arguments": call.arguments.strip() or "{}",
        }


@given(text=TEXTS)
def test_events_and_errors_are_single_lines_with_the_text_in_them(text: str) -> None:
    assert read(event_line("status", {"description": text})) == {
        "event": {"type": "status", "data": {"description": whole(text)}}
    }
    assert read(error_line(text)) == {"error": {"message": whole(text), "detail": whole(text)}}


@given(content=TEXTS, reasoning=TEXTS)
def test_a_whole_answer_can_always_be_sent(content: str, reasoning: str) -> None:
    answer = completion_dict(
        model="m",
        completion_id="c",
        created_s=1,
        content=content,
        reasoning=reasoning,
        reason=finish_reason(None),
    )
    json.dumps(answer, ensure_ascii=False).encode()
