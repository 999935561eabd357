"""Old outputs of tools grow short, in steps (SPEC 34, 121)."""

from __future__ import annotations

import pytest

from actors.retention import shortened, with_short_outputs
from actors.values import Item, Role, TextPart, ToolCall, ToolOutput, Turn

LONG = "".join(chr(ord("a") + at % 26) for at in range(1000))


def turn(role: Role) -> Turn:
    return Turn(role=role, parts=(TextPart(text="x"),))


def rounds(count: int) -> list[Item]:
    """Turns of one question, one call with a long output, and one answer each."""
    items: list[Item] = []
    for at in range(count):
        items += [
            turn(Role.USER),
            ToolCall(call_id=f"c{at}", name="t", arguments="{}"),
            ToolOutput(call_id=f"c{at}", output=LONG),
            turn(Role.ASSISTANT),
        ]
    return items


def cut(items: tuple[Item, ...]) -> list[str]:
    return [item.call_id for item in items if isinstance(item, ToolOutput) and item.output != LONG]


def test_a_long_output_keeps_its_head_and_its_tail_and_says_what_is_gone() -> None:
    short = shortened(ToolOutput(call_id="c", output=LONG)).output
    assert short.startswith(LONG[:256])
    assert short.endswith(LONG[-128:])
    assert f"{1000 - 256 - 128} characters removed" in short
    assert len(short) < 800


@pytest.mark.parametrize(("chars", "is_cut"), [(799, False), (800, True)])
def test_an_output_is_long_from_800_characters(chars: int, is_cut: bool) -> None:
    whole = ToolOutput(call_id="c", output="x" * chars)
    assert (shortened(whole) != whole) is is_cut


def test_what_was_shortened_is_not_shortened_again() -> None:
    once = shortened(ToolOutput(call_id="c", output=LONG * 100))
    assert shortened(once) == once


def test_outputs_of_the_last_turns_stay_whole() -> None:
    assert cut(with_short_outputs(rounds(3), turns_kept=3)) == []


def test_an_output_older_than_the_turns_that_are_kept_is_shortened() -> None:
    assert cut(with_short_outputs(rounds(4), turns_kept=3)) == ["c0"]


def test_the_line_moves_in_steps() -> None:
    """SPEC 121: every cut changes the beginning of the conversation."""
    lengths = [len(cut(with_short_outputs(rounds(count), turns_kept=3))) for count in range(11)]
    assert lengths == [0, 0, 0, 0, 1, 1, 1, 4, 4, 4, 7]


def test_nothing_is_shortened_when_all_is_kept() -> None:
    assert cut(with_short_outputs(rounds(50), turns_kept=0)) == []


def test_questions_in_a_row_are_one_turn_whatever_stands_between_them() -> None:
    asked = [turn(Role.USER), turn(Role.SYSTEM), turn(Role.USER), turn(Role.DEVELOPER)]
    items = [*rounds(1), *asked, *asked]
    assert cut(with_short_outputs(items, turns_kept=2)) == []
    assert cut(with_short_outputs(items, turns_kept=1)) == ["c0"]


def test_outputs_before_the_first_question_are_of_the_first_turn() -> None:
    output = ToolOutput(call_id="early", output=LONG)
    assert cut(with_short_outputs([output, *rounds(1)], turns_kept=1)) == []
    assert cut(with_short_outputs([output, *rounds(2)], turns_kept=1)) == ["early", "c0"]


def test_no_items_stay_no_items() -> None:
    assert with_short_outputs([], turns_kept=3) == ()
