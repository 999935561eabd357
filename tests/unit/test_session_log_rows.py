"""A segment as a row: it reads as it was, and every id fits into its column."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.log_values import BundleKey
from bridge.session_logs.segment_rows import (
    ID_CHARS,
    SEGMENT,
    TERMINAL,
    NoPacking,
    PackingBroken,
    SegmentUnreadable,
    column,
    key_of,
    lock_id,
    row_of,
    segment_of,
)
from tests.unit.log_stage import entry, owner, segment


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_segment_reads_as_it_was_written(is_terminal: bool) -> None:
    """SPEC 168."""
    staged = segment(1, entry("a\0ä"), entry("b", exception="c"), is_terminal=is_terminal)
    row = row_of(staged)
    assert segment_of(row) == staged
    assert row.item_type == (TERMINAL if is_terminal else SEGMENT)


@pytest.mark.parametrize(
    "payload", ["", "{", "[]", "{}", '{"type":"x","version":1}', "null", "\x00"]
)
def test_what_is_no_segment_is_refused(payload: str) -> None:
    with pytest.raises(SegmentUnreadable):
        segment_of(replace(row_of(segment(1)), payload=payload))


def test_a_segment_of_a_later_form_is_refused() -> None:
    row = row_of(segment(1))
    later = row.payload.replace('"version":1', '"version":2')
    assert later != row.payload
    with pytest.raises(SegmentUnreadable):
        segment_of(replace(row, payload=later))


def test_a_sealed_row_does_not_open_without_a_key() -> None:
    with pytest.raises(PackingBroken):
        NoPacking().unpack(replace(row_of(segment(1)), is_encrypted=True))


@pytest.mark.parametrize("text", ["x" * 65, "x" * 4096, "a\0b", "\ud800", "~x", "ä" * 65])
def test_an_id_that_fits_no_column_stands_under_its_digest(text: str) -> None:
    held = column(text)
    assert len(held) <= 64
    assert held.startswith("~")
    assert held == column(text) != column(text + "x")
    # Whoever names the digest gets something else.
    assert column(held) != held


@pytest.mark.parametrize("text", ["", "m", "../..", "x" * 64, "ä" * 64])
def test_an_id_that_fits_its_column_stands_there_itself(text: str) -> None:
    assert column(text) == text


def test_the_lock_of_a_message_has_the_same_id_everywhere_and_another_than_its_neighbours() -> None:
    """SPEC 169."""
    ids = {
        lock_id(BundleKey(chat_id=chat, message_id=message)) for chat in "ab" for message in "ab"
    }
    assert len(ids) == 4
    assert {len(each) for each in ids} == {ID_CHARS}
    assert lock_id(key_of(segment(1))) == lock_id(key_of(segment(2, of=owner(request_id="z"))))
