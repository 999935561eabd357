"""The demo's page wraps words while they are typed and keeps labels in a column of their own."""

from io import StringIO

from bridge.demo.screen import Ink, Screen


def typed(*pieces: str, width: int = 32) -> list[str]:
    """The lines that come of typing these pieces under one label."""
    out = StringIO()
    screen = Screen(out, width=width)
    for piece in pieces:
        screen.type("answer", piece)
    screen.end()
    return out.getvalue().splitlines()


def test_words_are_wrapped_below_each_other() -> None:
    assert typed("one two three ", "four five") == [
        "  answer    one two three four",
        "            five",
    ]


def test_a_word_in_two_pieces_stays_one_word() -> None:
    assert typed("green", "room") == ["  answer    greenroom"]


def test_line_breaks_and_indents_of_the_answer_are_kept() -> None:
    assert typed("1. one\n   - two\n\nend") == [
        "  answer    1. one",
        "               - two",
        "",
        "            end",
    ]


def test_blank_lines_before_the_first_word_are_left_out() -> None:
    assert typed("\n\nhello") == ["  answer    hello"]


def test_a_word_that_fits_no_line_is_kept_whole() -> None:
    assert typed("a " + "b" * 40) == ["  answer    a", "            " + "b" * 40]


def test_another_label_begins_a_line_of_its_own() -> None:
    out = StringIO()
    screen = Screen(out)
    screen.type("thinking", "hm ")
    screen.type("answer", "42")
    screen.say("ok", "done")
    assert out.getvalue().splitlines() == [
        "  thinking  hm",
        "  answer    42",
        "  ok        done",
    ]


def test_a_finished_word_is_shown_before_the_next_one_comes() -> None:
    out = StringIO()
    Screen(out).type("answer", "one ")
    assert out.getvalue() == "  answer    one"


def test_terminal_codes_are_written_only_where_they_are_welcome() -> None:
    plain, coloured = StringIO(), StringIO()
    Screen(plain).say("ok", "yes", Ink.GREEN)
    Screen(coloured, is_coloured=True).say("ok", "yes", Ink.GREEN)
    assert "\x1b" not in plain.getvalue()
    assert coloured.getvalue().count("\x1b[32m") == coloured.getvalue().count("\x1b[0m") == 2
