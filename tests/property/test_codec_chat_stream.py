"""Any script of a chat stream adds up to the same events in any chunks."""

import json
from itertools import groupby
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from actors.values import (
    EventSkipped,
    ReasoningAdvanced,
    RefusalAdvanced,
    StreamEnded,
    StreamEvent,
    TextAdvanced,
    ToolCalled,
)
from bridge.openrouter.wire_chat import (
    UNDECODABLE,
    Chunk,
    first_choice,
    is_silent,
    loosened,
    read_chunk,
)
from tests.integration.conformance import pieces
from tests.unit.chat_script import (
    DONE,
    call_piece,
    chunk,
    decoded,
    details_made,
    finished,
    only,
    sse,
    text_delta,
    thought,
)

# Surrogates too: JSON escapes can hold halves of characters.
WORDS = st.text(max_size=6) | st.text(st.characters(categories=["Cs"]), max_size=2)
INDEXES = st.integers(min_value=0, max_value=2)
DETAILS = st.one_of(
    st.builds(
        lambda text, index: {"type": "reasoning.text", "text": text, "index": index}, WORDS, INDEXES
    ),
    st.builds(
        lambda text, index: {"type": "reasoning.summary", "summary": text, "index": index},
        WORDS,
        INDEXES,
    ),
    st.builds(lambda data: {"type": "reasoning.encrypted", "data": data}, WORDS),
)
EVENTS = st.one_of(
    st.builds(text_delta, WORDS),
    st.builds(thought, WORDS),
    st.builds(lambda text, details: thought(text, *details), WORDS, st.lists(DETAILS, max_size=3)),
    st.builds(
        lambda details: chunk(content="", reasoning_details=details), st.lists(DETAILS, max_size=3)
    ),
    st.builds(lambda text: chunk(content=None, refusal=text), WORDS),
    st.builds(call_piece, INDEXES, st.sampled_from(["a", None]), st.just("f") | st.none(), WORDS),
    st.builds(
        lambda url: chunk(images=[{"image_url": {"url": url}}], annotations=[{"type": url}]), WORDS
    ),
    st.sampled_from([{"choices": 5}, {"choices": []}, [1], chunk(content=5)]),
)
USAGE = {"prompt_tokens": 1, "completion_tokens": 2}
ENDS = st.one_of(
    st.builds(
        lambda reason, usage: finished(reason, usage=usage),
        st.sampled_from(["stop", "tool_calls", "length", "error"]),
        st.sampled_from([None, USAGE]),
    ),
    st.just({"choices": [], "usage": USAGE}),
    st.just({"error": {"code": 502, "message": "m"}}),
)
SCRIPTS = st.tuples(st.lists(EVENTS, max_size=10), st.lists(ENDS, max_size=3))

Told: TypeAlias = TextAdvanced | ReasoningAdvanced | RefusalAdvanced


def framed(script: tuple[list[object], list[object]], done: bytes) -> bytes:
    """As a host frames it that escapes everything outside ASCII."""
    events = [*script[0], *script[1]]
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + done


def joined(events: list[StreamEvent]) -> tuple[list[StreamEvent], int]:
    """The events with texts that follow each other in one, and how many were skipped."""
    told = [event for event in events if not isinstance(event, EventSkipped)]
    whole: list[StreamEvent] = []
    for place, run in groupby(told, key=place_of):
        group = list(run)
        texts = [each for each in group if isinstance(each, Told)]
        if place is None or not texts:
            whole += group
        else:
            whole.append(replace(texts[0], text="".join(each.text for each in texts)))
    return whole, sum(event.count for event in only(events, EventSkipped))


def place_of(event: StreamEvent) -> tuple[str, str] | None:
    if not isinstance(event, Told):
        return None
    kind = event.kind.value if isinstance(event, ReasoningAdvanced) else ""
    return type(event).__name__, kind


@given(
    script=SCRIPTS,
    done=st.sampled_from([b"", DONE, DONE + DONE]),
    places=st.lists(st.integers(min_value=0), max_size=30),
)
def test_chunks_do_not_change_what_an_answer_tells(
    script: tuple[list[object], list[object]], done: bytes, places: list[int]
) -> None:
    body = framed(script, done)
    whole = decoded(body)
    cut_up = decoded(*pieces(body, sorted(place % (len(body) + 1) for place in places)))
    assert joined(cut_up) == joined(whole)
    assert len(only(whole, StreamEnded)) <= 1
    if only(whole, StreamEnded):
        assert isinstance(whole[-1], StreamEnded)
    for event in whole:
        if isinstance(event, Told):
            assert event.text.encode().decode() == event.text


@given(texts=st.lists(st.text(max_size=5), max_size=10))
def test_text_is_what_the_deltas_add_up_to(texts: list[str]) -> None:
    told = decoded(sse(*map(text_delta, texts), finished()), DONE)
    assert "".join(event.text for event in only(told, TextAdvanced)) == "".join(texts)


@given(texts=st.lists(st.text(max_size=5), max_size=10))
def test_thinking_that_is_told_twice_is_shown_once(texts: list[str]) -> None:
    told = decoded(sse(*map(thought, texts), finished()), DONE)
    assert "".join(event.text for event in only(told, ReasoningAdvanced)) == "".join(texts)


@given(
    told=st.lists(st.lists(st.text(max_size=5), min_size=1, max_size=4), min_size=1, max_size=4),
    signed=st.booleans(),
)
def test_details_cut_into_pieces_come_back_whole(told: list[list[str]], signed: bool) -> None:
    signature = {"signature": "s"} if signed else {}
    events: list[object] = []
    for index, texts in enumerate(told):
        common = {"type": "reasoning.text", "index": index, "format": "unknown"}
        said = [{**common, "text": text} for text in texts]
        events += [chunk(reasoning_details=[piece]) for piece in [*said, {**common, **signature}]]
    assert details_made(decoded(sse(*events, finished()), DONE)) == [
        {"type": "reasoning.text", "text": "".join(texts), "index": index, "format": "unknown"}
        | signature
        for index, texts in enumerate(told)
    ]


@given(
    order=st.lists(INDEXES, max_size=12),
    texts=st.lists(st.text(max_size=4), min_size=3, max_size=3),
)
def test_interleaved_calls_come_out_whole(order: list[int], texts: list[str]) -> None:
    begun = [call_piece(index, f"c{index}", "f", texts[index]) for index in range(3)]
    more = [call_piece(index, arguments=texts[index]) for index in order]
    told = decoded(sse(*begun, *more, finished("tool_calls")), DONE)
    assert [event.call.arguments for event in only(told, ToolCalled)] == [
        texts[index] * (1 + order.count(index)) for index in range(3)
    ]


@given(text=st.text(st.characters(min_codepoint=0x10000), min_size=1, max_size=8))
def test_characters_sent_by_halves_come_out_whole(text: str) -> None:
    units = text.encode("utf-16-le")
    halves = [
        units[start : start + 2].decode("utf-16-le", "surrogatepass")
        for start in range(0, len(units), 2)
    ]
    body = framed((list(map(text_delta, halves)), [finished()]), DONE)
    for told in (decoded(body), decoded(body[:200], body[200:])):
        assert "".join(event.text for event in only(told, TextAdvanced)) == text


@given(event=st.one_of(EVENTS, ENDS))
def test_the_lenient_reader_agrees_with_the_strict_one(event: object) -> None:
    payload = json.dumps(event).encode()
    try:
        strict = read_chunk(payload)
    except UNDECODABLE:
        return
    read = loosened(json.loads(payload))
    if read is None:
        assert not says_anything(strict)
        return
    assert first_choice(read.choices) == first_choice(strict.choices)
    assert (read.usage, read.error) == (strict.usage, strict.error)


def says_anything(read: Chunk) -> bool:
    choice = first_choice(read.choices)
    says_nothing = choice.delta is None or is_silent(choice.delta)
    return bool(read.usage or read.error or choice.finish_reason or not says_nothing)
