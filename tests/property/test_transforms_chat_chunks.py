from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bridge.transforms.chat_chunks import (
    ChunkWriter,
    PieceKind,
    completion_dict,
    error_line,
    event_line,
    finish_reason,
)
from bridge.transforms.text import whole

# Every code point, lone surrogates and every kind of line break included.
TEXTS = st.text(
    alphabet=st.characters(exclude_categories=())
    | st.sampled_from(["\n", "\r", "\x85", "\u2028", "\u2029", "\ud83d", "\ude00", '"', "\\"])
)
PIECES = st.lists(st.tuples(st.sampled_from(PieceKind), TEXTS))


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
    for kind in PieceKind:
        shown = "".join(delta_of(line).get(kind.value, "") for line in lines)
        said = "".join(text for of_kind, text in pieces if of_kind is kind)
        # Where another kind stands between two halves they cannot meet; all else is the same.
        assert len(shown) >= len(whole(said))
        if not any("\ud800" <= char <= "\udfff" for char in said):
            assert shown == said


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
