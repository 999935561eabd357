import json

import pytest

from actors.values import ReasoningAdvanced, ReasoningKind, ReasoningMade, WireFormat
from bridge.openrouter.wire_chat_details import details_from_item
from tests.unit.chat_script import (
    DONE,
    chunk,
    decoded,
    detail,
    details_made,
    finished,
    only,
    sse,
    summary,
    text_delta,
    thought,
)

LONG = "A sentence that is longer than any stutter of a model. "


def detailed(*details: object) -> dict[str, object]:
    return chunk(content="", reasoning_details=list(details))


def plain(text: str) -> dict[str, object]:
    return chunk(content="", reasoning=text)


def shown(*events: object) -> str:
    told = decoded(sse(*events, finished()), DONE)
    return "".join(event.text for event in only(told, ReasoningAdvanced))


def made(*events: object) -> object:
    return details_made(decoded(sse(*events, finished()), DONE))


def test_what_is_said_in_two_ways_is_shown_once() -> None:
    assert shown(thought("a"), thought("b"), thought("a")) == "aba"


@pytest.mark.parametrize(
    "events",
    [
        [plain("abc"), detailed(detail("abc"))],
        [plain("ab"), plain("c"), detailed(detail("a")), detailed(detail("bc"))],
        [detailed(detail("ab")), plain("a"), plain("bc"), detailed(detail("c"))],
        [detailed(detail("abc"))],
        [plain("abc")],
        [plain("abc"), detailed(detail("something else"))],
    ],
)
def test_one_way_may_run_ahead_of_the_other(events: list[object]) -> None:
    assert shown(*events) == "abc"


def test_what_people_are_told_differently_is_shown_as_it_is_told() -> None:
    assert shown(detailed(detail("abc")), plain("xyz")) == "abcxyz"


@pytest.mark.parametrize("again", [thought(LONG * 2), plain(LONG * 2), detailed(detail(LONG * 2))])
def test_a_snapshot_of_all_thinking_adds_only_what_is_new(again: object) -> None:
    assert shown(thought(LONG), again) == LONG * 2


def test_a_snapshot_is_not_sent_back_twice() -> None:
    assert made(thought(LONG), thought(LONG + "end")) == [detail(LONG + "end")]


def test_a_short_word_may_be_said_again() -> None:
    assert shown(thought("no "), thought("no ")) == "no no "


def test_thinking_is_raw_or_a_summary_as_its_details_say() -> None:
    told = decoded(sse(thought("a"), thought("b", summary("b")), plain("c")))
    assert [(event.kind, event.text) for event in only(told, ReasoningAdvanced)] == [
        (ReasoningKind.RAW, "a"),
        (ReasoningKind.SUMMARY, "bc"),
    ]


def test_pieces_of_a_detail_are_joined_and_its_signature_comes_last() -> None:
    signed = {"type": "reasoning.text", "format": "unknown", "index": 0, "signature": "s"}
    assert made(thought("a"), thought("b"), detailed(signed)) == [detail("ab", signature="s")]


def test_details_keep_the_order_in_which_they_began() -> None:
    sealed = {"type": "reasoning.encrypted", "data": "x", "id": "rs_1", "index": 0}
    events = [
        detailed(summary("a")),
        detailed(summary("b", index=1)),
        detailed(sealed),
        detailed(summary("c")),
        detailed({**sealed, "data": "y"}),
    ]
    assert made(*events) == [summary("ac"), summary("b", index=1), sealed, {**sealed, "data": "y"}]


def test_the_same_encrypted_data_is_kept_once() -> None:
    sealed = {"type": "reasoning.encrypted", "data": "x", "index": 0}
    assert made(detailed(sealed), detailed(sealed)) == [sealed]


def test_without_an_index_only_neighbours_are_joined() -> None:
    old = {"type": "reasoning.text", "provider": "p"}
    sealed = {"type": "reasoning.encrypted", "data": "x"}
    events = [detailed({**old, "text": said}) for said in "ab"]
    assert made(*events, detailed(sealed), detailed({**old, "text": "c"})) == [
        {**old, "text": "ab"},
        sealed,
        {**old, "text": "c"},
    ]


def test_details_of_two_ids_are_two() -> None:
    assert made(detailed(summary("a", id="1")), detailed(summary("b", id="2"))) == [
        summary("a", id="1"),
        summary("b", id="2"),
    ]


def test_what_is_not_known_of_a_detail_is_kept() -> None:
    call = {"type": "reasoning.server_tool_call", "tool_name": "t", "arguments": "{}", "x": [1]}
    assert made(detailed(call, detail("a", extra={"n": 1}))) == [call, detail("a", extra={"n": 1})]


def test_a_detail_without_text_stays_without() -> None:
    signed = {"type": "reasoning.text", "text": None, "signature": "s"}
    assert made(detailed(signed)) == [signed]


@pytest.mark.parametrize("odd", [{"type": ["x"]}, {"type": "reasoning.text", "text": 5}, {}])
def test_an_odd_detail_harms_nothing(odd: object) -> None:
    assert shown(detailed(odd), thought("a")) == "a"


def test_thinking_to_send_back_is_told_once_at_the_end_in_the_words_of_chat() -> None:
    told = decoded(sse(thought("a"), text_delta("x"), finished()), DONE)
    (event,) = only(told, ReasoningMade)
    assert told.index(event) == len(told) - 2
    assert (event.output_index, event.reasoning.wire) == (0, WireFormat.CHAT)


def test_without_details_there_is_nothing_to_send_back() -> None:
    assert only(decoded(sse(plain("a"), finished()), DONE), ReasoningMade) == []


def test_halves_of_a_character_meet_in_details() -> None:
    framed = [
        b"data: " + json.dumps(thought(half)).encode() + b"\n\n" for half in ("\ud83d", "\ude00")
    ]
    told = decoded(*framed, sse(finished()), DONE)
    assert details_made(told) == [detail("😀")]
    assert "".join(event.text for event in only(told, ReasoningAdvanced)) == "😀"


def test_a_reasoning_item_becomes_details_in_order() -> None:
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "s1"}, {"type": "summary_text", "text": "s2"}],
        "content": [{"type": "reasoning_text", "text": "t"}],
        "signature": "sig",
        "encrypted_content": "data",
        "format": "anthropic-claude-v1",
    }
    common = {"format": "anthropic-claude-v1"}
    assert details_from_item(json.dumps(item)) == [
        {"type": "reasoning.summary", "summary": "s1", **common, "index": 0},
        {"type": "reasoning.summary", "summary": "s2", **common, "index": 1},
        {"type": "reasoning.text", "text": "t", "signature": "sig", **common, "index": 2},
        {"type": "reasoning.encrypted", "data": "data", "id": "rs_1", **common, "index": 3},
    ]


def test_a_signature_without_text_is_kept_and_one_for_several_texts_goes_with_the_last() -> None:
    assert details_from_item('{"signature":"s"}') == [
        {"type": "reasoning.text", "signature": "s", "index": 0}
    ]
    texts = [{"text": "a"}, {"text": "b"}]
    assert details_from_item(json.dumps({"content": texts, "signature": "s"})) == [
        {"type": "reasoning.text", "text": "a", "index": 0},
        {"type": "reasoning.text", "text": "b", "signature": "s", "index": 1},
    ]


@pytest.mark.parametrize(
    "item", ["", "null", "[]", "{}", '{"summary":null,"content":5,"encrypted_content":null}']
)
def test_an_item_that_says_nothing_makes_no_details(item: str) -> None:
    assert details_from_item(item) == []
