"""Marks in a history become items, or vanish; nobody else's text is touched (SPEC 39, 40)."""

import pytest

from actors.values import Item, Mark, Reasoning, Role, TextPart, ToolCall, ToolOutput, Turn
from actors.values import WireFormat as Wire
from bridge.transforms.history import history_of
from bridge.transforms.marks import (
    MARKS_PER_CHAT_MAX,
    MARKS_PER_MESSAGE_MAX,
    mark_line,
    marks_text,
)
from bridge.transforms.request_body import read_body

A, B, C = (f"0001HTMBY4XE60DACCV{each}" for each in "ABC")
MARK_A, MARK_B, MARK_C = (Mark(artifact_id=each) for each in (A, B, C))


def turn(words: str, role: Role = Role.ASSISTANT) -> Turn:
    return Turn(role=role, parts=(TextPart(text=words),))


def answer(content: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, **more}


def recalled(*messages: dict[str, object]) -> tuple[Item, ...]:
    return history_of([*messages], recalls=True).items


def test_marks_of_an_answer_go_before_its_words() -> None:
    assert recalled(answer(f"Five.{marks_text([A, B])}")) == (MARK_A, MARK_B, turn("Five."))


def test_marks_vanish_where_nothing_is_recalled() -> None:
    """SPEC 40: no model ever reads one."""
    history = history_of([answer(f"One.\n\n{mark_line(A)}\n\nTwo.{marks_text([B])}")])
    assert history.items == (turn("One.\n\nTwo."),)


@pytest.mark.parametrize("recalls", [True, False])
@pytest.mark.parametrize("role", ["user", "system", "developer"])
def test_what_others_said_is_never_cut(role: str, recalls: bool) -> None:
    words = f"What is this?{marks_text([A])}"
    history = history_of([{"role": role, "content": words}], recalls=recalls)
    assert history.items == (turn(words, Role(role)),)


def test_an_answer_of_marks_alone_is_its_marks() -> None:
    assert recalled(answer(marks_text([A]))) == (MARK_A,)
    assert history_of([answer(marks_text([A]))]).messages_dropped == 1


def test_notes_go_with_the_last_words_and_a_phase_with_all() -> None:
    said = answer(f"One.\n\n{mark_line(A)}\n\nTwo.", annotations=[{"a": 1}], phase="commentary")
    first, _, last = recalled(said)
    assert isinstance(first, Turn)
    assert isinstance(last, Turn)
    assert (first.annotations, last.annotations) == ((), ('{"a":1}',))
    assert (first.phase, last.phase) == ("commentary", "commentary")


def test_an_answer_with_calls_has_its_marks_before_them() -> None:
    """Open WebUI runs the tools: thinking goes before the calls that it led to."""
    call = {"id": "c1", "function": {"name": "clock", "arguments": "{}"}}
    items = recalled(
        answer(marks_text([A]), tool_calls=[call]),
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        answer(f"Noon.{marks_text([B])}"),
    )
    assert items == (
        MARK_A,
        ToolCall(call_id="c1", name="clock", arguments="{}"),
        ToolOutput(call_id="c1", output="noon"),
        MARK_B,
        turn("Noon."),
    )


def test_thinking_that_was_rebuilt_waits_for_what_the_marks_name() -> None:
    thinking = [{"type": "reasoning.text", "text": "hm"}]
    first, *others = recalled(answer(f"Five.{marks_text([A])}", reasoning_details=thinking))
    assert isinstance(first, Reasoning)
    assert first.wire is Wire.CHAT
    assert others == [MARK_A, turn("Five.")]


def test_marks_behind_what_open_webui_kept_in_the_text_are_found() -> None:
    """Open WebUI 0.6 strips each piece of text and puts what tools gave between them."""
    card = '<details type="tool_calls" done="true" result="&quot;x&quot;">\n</details>\n'
    items = recalled(answer(f"One.\n\n{mark_line(A)}\n{card}Two.\n\n{mark_line(B)}\n"))
    assert items == (turn("One."), MARK_A, MARK_B, turn("Two."))


def test_texts_that_were_joined_by_a_single_line_break_are_cut_as_well() -> None:
    """Open WebUI 0.12 strips the last text and joins texts of one answer line by line."""
    items = recalled(answer(f"One.\n{mark_line(A)}\nTwo.\n\n{mark_line(B)}"))
    assert items == (turn("One."), MARK_A, MARK_B, turn("Two."))


def ids(count: int) -> list[str]:
    return [f"{at:020d}" for at in range(count)]


def test_the_last_marks_of_a_message_count() -> None:
    made = ids(MARKS_PER_MESSAGE_MAX + 2)
    items = recalled(answer(f"x{marks_text(made)}"))
    assert [i.artifact_id for i in items if isinstance(i, Mark)] == made[2:]
    assert items[-1] == turn("x")


def test_the_last_marks_of_a_conversation_count() -> None:
    made = ids(MARKS_PER_CHAT_MAX + 3)
    messages = [answer(f"x{marks_text(made[at : at + 500])}") for at in range(0, len(made), 500)]
    history = history_of(messages, recalls=True)
    assert [i.artifact_id for i in history.items if isinstance(i, Mark)] == made[3:]
    assert history.marks_dropped == 3


@pytest.mark.parametrize(
    ("recalls", "items"),
    [
        (True, (turn("2+3?", Role.USER), MARK_A, turn("Five."), turn("Sure?", Role.USER))),
        (False, (turn("2+3?", Role.USER), turn("Five."), turn("Sure?", Role.USER))),
    ],
)
def test_a_body_is_read_with_its_marks_or_without(recalls: bool, items: tuple[Item, ...]) -> None:
    body = {
        "model": "a.b",
        "messages": [
            {"role": "user", "content": "2+3?"},
            answer(f"Five.{marks_text([A])}"),
            {"role": "user", "content": "Sure?"},
        ],
    }
    read = read_body(
        body, request_id="r", function_id="room", model_ids={"a.b": "a/b"}, recalls=recalls
    )
    assert read.request.items == items
    assert read.marks_dropped == 0
