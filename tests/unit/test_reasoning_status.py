"""Thinking as status lines (SPEC 88, 90)."""

from __future__ import annotations

import pytest

from bridge.transforms.reasoning_status import (
    FLUSH_CHARS,
    LINES_MAX,
    SLOW_S,
    ThoughtLines,
    thought_line,
)
from bridge.transforms.status_text import LINE_CHARS_MAX


def told(*deltas: str, gap_s: float = 0.0) -> list[str]:
    lines, now_s, shown = ThoughtLines(), 100.0, []
    for delta in deltas:
        shown += lines.take(delta, now_s)
        now_s += gap_s
    return shown


def test_a_sentence_is_shown_when_it_ends() -> None:
    assert told("First I ", "look", ".") == ["First I look."]


def test_what_follows_a_sentence_waits_for_its_own_end() -> None:
    assert told("Look. Then ", "think!") == ["Look.", "Then think!"]


@pytest.mark.parametrize("ending", [".", "!", "?", ":", ";", "…", "\u3002", "\n"])
def test_every_kind_of_ending_ends_a_line(ending: str) -> None:
    assert told(f"One thing{ending}") == [f"One thing{ending}".strip()]


@pytest.mark.parametrize("text", ["pi is 3.14 or", "1.", "see a:b"])
def test_a_point_inside_something_ends_nothing(text: str) -> None:
    assert told(text) == []


def test_a_long_run_without_an_end_is_shown_all_the_same() -> None:
    assert told("x" * (FLUSH_CHARS - 1)) == []
    assert told("x" * FLUSH_CHARS) == ["x" * FLUSH_CHARS]


def test_after_a_pause_a_dozen_characters_are_enough() -> None:
    assert told("twelve chars", " and", gap_s=0.76) == ["twelve chars and"]
    assert told("twelve chars", " and", gap_s=0.74) == []
    assert told("eleven", " char", gap_s=0.76) == []


def test_the_rest_is_shown_when_the_thought_is_over() -> None:
    lines = ThoughtLines()
    assert lines.take("half a", 1.0) == []
    assert lines.rest(1.0) == ["half a"]
    assert lines.rest(1.0) == []


def test_a_title_stands_before_its_body() -> None:
    """SPEC 90."""
    assert told("**Plan", "ning it**", "\n\n", "I look", " first.") == [
        "Planning it: I look first."
    ]


def test_a_title_is_never_cut_in_the_middle() -> None:
    assert told("**Is it so. Or") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("**Title**\n\nbody", "Title: body"),
        ("**Really?**\nbody", "Really? body"),
        ("**Title**", "Title"),
        ("so.\n\n**Next**\n\nbody", "so. Next: body"),
        ("a **bold** word", "a bold word"),
        (" \n ", ""),
    ],
)
def test_markdown_of_thinking_becomes_plain_words(text: str, line: str) -> None:
    assert thought_line(text) == line


def test_what_comes_in_one_go_is_several_lines() -> None:
    lines = told("word " * 300 + ".")
    assert len(lines) == 4
    assert all(len(line) <= LINE_CHARS_MAX for line in lines)
    assert " ".join(lines).split() == ["word"] * 300 + ["."]


def test_thinking_without_end_makes_few_lines() -> None:
    """Each is a write of the whole chat in 0.6.28."""
    lines, shown = ThoughtLines(), []
    for number in range(1000):
        shown += lines.take(f"Thought number {number} is here.", number * 0.1)
    assert LINES_MAX < len(shown) <= LINES_MAX + 100 / SLOW_S
    assert len(shown[-1]) <= FLUSH_CHARS
    assert lines.take("At last.", 1000.0)[0].endswith("At last.")
