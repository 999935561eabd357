"""The lines of an archive: their keys, their order, each once, and how they look as text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bridge.session_logs.lines import (
    INCOMPLETE,
    UNREADABLE,
    lines_of,
    merged,
    merged_texts,
    parse_text,
    stamp,
    text_of,
    write_text,
)
from tests.unit.log_stage import bundle, entry, owner, segment

KEYS = [
    "ts",
    "level",
    "logger",
    "request_id",
    "user_id",
    "session_id",
    "chat_id",
    "message_id",
    "event_type",
    "module",
    "func",
    "lineno",
]


def test_a_json_line_has_the_keys_of_the_format_in_their_order() -> None:
    """SPEC 174."""
    lines = lines_of(bundle(segment(1, entry("plain"), entry("bad", exception="Traceback"))))
    plain, bad = (json.loads(line) for line in lines)
    assert list(plain) == [*KEYS, "message"]
    assert list(bad) == [*KEYS, "exception", "message"]
    assert plain == {
        "ts": "1970-01-01T00:00:01.000000Z",
        "level": "INFO",
        "logger": "greenroom.test",
        "request_id": "r",
        "user_id": "u",
        "session_id": "s",
        "chat_id": "c",
        "message_id": "m",
        "event_type": "log",
        "module": "test",
        "func": "act",
        "lineno": 7,
        "message": "plain",
    }


def test_each_line_names_the_request_it_came_from() -> None:
    both = bundle(segment(1, of=owner(request_id="a")), segment(2, of=owner(request_id="b")))
    assert [json.loads(line)["request_id"] for line in lines_of(both)] == ["a", "b"]


def test_a_log_whose_end_is_missing_says_so_at_its_end() -> None:
    """SPEC 170."""
    *_, last = lines_of(bundle(segment(1, is_terminal=False), is_complete=False))
    said = json.loads(last)
    assert (said["event_type"], said["level"]) == (INCOMPLETE, "WARNING")
    assert "incomplete" in said["message"]


def test_segments_that_could_not_be_read_are_counted_in_the_log() -> None:
    *_, last = lines_of(bundle(segment(1), unreadable=3))
    said = json.loads(last)
    assert said["event_type"] == UNREADABLE
    assert said["message"] == "3 segments of this log could not be read"


def test_lines_stand_in_the_order_of_their_times_each_once() -> None:
    late = lines_of(bundle(segment(1, entry("late", ts_s=2.0))))
    early = lines_of(bundle(segment(2, entry("early", ts_s=1.5))))
    assert merged([*late, *early, *late], is_complete=True) == (*early, *late)


def test_what_is_no_json_stays_and_stands_first() -> None:
    line = lines_of(bundle(segment(1)))
    odd = [b"not json", b"[1]", b'{"ts": 5}', b"\xff"]
    assert merged([*line, *odd], is_complete=True) == (*odd, *line)


def test_a_log_that_has_come_to_be_complete_does_not_say_any_more_that_it_is_not() -> None:
    first = lines_of(bundle(segment(1, is_terminal=False), is_complete=False))
    then = lines_of(bundle(segment(2)))
    events = [json.loads(line)["event_type"] for line in merged([*first, *then], is_complete=True)]
    assert events == ["log", "log"]
    texts = merged_texts(map(text_of, [*first, *then]), is_complete=True)
    assert [text.rpartition(" ")[2] for text in texts] == ["1", "2"]
    kept = merged_texts(map(text_of, [*first, *then]), is_complete=False)
    assert len(kept) == 3


def test_an_entry_of_text_is_one_line_and_what_continues_it_is_indented() -> None:
    (line,) = lines_of(bundle(segment(1, entry("one\ntwo", exception="Traceback\n  here"))))
    assert text_of(line).split("\n") == [
        "1970-01-01T00:00:01.000000Z INFO greenroom.test [r] one",
        "    two",
        "    Traceback",
        "      here",
    ]


def test_text_can_be_taken_apart_again_whatever_stands_in_it() -> None:
    entries = [entry(text) for text in ("a\n\nb", "", "\n", "    indented", "x\r\ny", "\x0bz")]
    texts = tuple(map(text_of, lines_of(bundle(segment(1, *entries)))))
    assert parse_text(write_text(texts)) == texts


@pytest.mark.parametrize("nasty", ["\x1b[2J", "\r", "\x9b1A", "\u2028", "\u202e", "\x00", "\x7f"])
def test_text_holds_nothing_that_moves_a_cursor_or_hides_a_thing(nasty: str) -> None:
    (line,) = lines_of(bundle(segment(1, entry(f"before{nasty}after"))))
    text = text_of(line)
    assert nasty not in text
    assert "before\\" in text


def test_times_sort_as_text_does() -> None:
    times = [0.0, 0.000001, 0.5, 1.0, 1_700_000_000.123456]
    assert [stamp(each) for each in times] == sorted(stamp(each) for each in times)


def test_the_same_bundle_gives_the_same_lines() -> None:
    one = bundle(segment(1, is_terminal=False), is_complete=False, unreadable=1)
    assert lines_of(one) == lines_of(replace(one))
