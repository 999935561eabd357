"""What has been said so far: deltas stand, later statements only fill what is missing."""

from actors.conversation import Conversation, advance, has_output, is_visible
from actors.values import (
    EventSkipped,
    ReasoningAdvanced,
    ReasoningKind,
    ReasoningStated,
    RefusalStated,
    TextAdvanced,
    TextStated,
)
from tests.unit.chat_stage import COMPLETED, text


def stated(words: str, item: int = 0) -> TextStated:
    return TextStated(output_index=item, content_index=0, text=words)


def test_deltas_are_shown_in_order() -> None:
    conversation, shown = advance(Conversation(), [text("Hel"), text("lo")])
    assert shown == [text("Hel"), text("lo")]
    assert is_visible(conversation)


def test_a_later_statement_is_not_shown_where_deltas_came() -> None:
    conversation, _ = advance(Conversation(), [text("Hel")])
    conversation, shown = advance(conversation, [stated("Hello there")])
    assert shown == []
    assert conversation.parts == {(1, 0, 0)}


def test_a_statement_fills_a_part_that_never_had_a_delta() -> None:
    _, shown = advance(Conversation(), [text("one", item=0), stated("two", item=1)])
    assert shown == [text("one", item=0), text("two", item=1)]


def test_a_part_is_filled_once() -> None:
    _, shown = advance(Conversation(), [stated("all of it"), stated("all of it")])
    assert shown == [text("all of it")]


def test_thinking_and_summary_of_one_item_are_two_parts() -> None:
    raw = ReasoningStated(output_index=0, part_index=0, kind=ReasoningKind.RAW, text="hm")
    summary = ReasoningStated(output_index=0, part_index=0, kind=ReasoningKind.SUMMARY, text="so")
    _, shown = advance(Conversation(), [raw, summary])
    assert [event.text for event in shown] == ["hm", "so"]
    assert all(isinstance(event, ReasoningAdvanced) for event in shown)


def test_an_empty_statement_is_no_output() -> None:
    events = [stated(""), RefusalStated(output_index=0, content_index=0, text="")]
    conversation, shown = advance(Conversation(), events)
    assert not has_output(events)
    assert not is_visible(conversation)
    assert shown == []


def test_nothing_after_the_terminal_event_counts() -> None:
    conversation, shown = advance(Conversation(), [text("a"), COMPLETED, text("b")])
    assert shown == [text("a")]
    assert conversation.ended == COMPLETED
    for late in ([text("c")], [text("c"), stated("d", item=4)]):
        after, shown = advance(conversation, late)
        assert not shown
        assert after == conversation


def test_skipped_events_are_counted_and_show_nothing() -> None:
    conversation, shown = advance(Conversation(), [EventSkipped(count=2), EventSkipped(count=1)])
    assert conversation.skipped == 3
    assert shown == []
    assert not is_visible(conversation)


def test_more_text_of_a_known_part_changes_nothing_but_the_screen() -> None:
    known, _ = advance(Conversation(), [text("a")])
    conversation, shown = advance(known, [text("b")])
    assert conversation is known
    assert list(shown) == [TextAdvanced(output_index=0, content_index=0, text="b")]
