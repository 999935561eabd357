"""Any script of deltas, statements and endings adds up to the same answer in any chunks."""

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.values import StreamEnded, ToolCallBegan, ToolCalled
from tests.integration.conformance import Fold, pieces
from tests.unit.responses_script import (
    DONE,
    arguments_delta,
    completed,
    decoded,
    decoded_body,
    event,
    function_call,
    item_added,
    item_done,
    message,
    raw_delta,
    summary_delta,
    text_delta,
    the_end,
)

# Surrogates too: JSON escapes can hold halves of characters.
WORDS = st.text(max_size=6) | st.text(st.characters(categories=["Cs"]), max_size=2)
INDEXES = st.integers(min_value=0, max_value=2)
NOTED = st.builds(
    lambda word: {"type": "output_text", "text": "x", "annotations": [{"type": "n", "w": word}]},
    WORDS,
).map(lambda part: {"type": "message", "phase": "commentary", "content": [part]})
CALLS = st.builds(
    lambda words, number: function_call(words, call_id=f"call_{number}", name="look"),
    WORDS,
    INDEXES,
)
THINGS = st.one_of(
    NOTED,
    CALLS,
    st.builds(lambda word: {"type": "reasoning", "id": word, "summary": []}, WORDS),
    st.builds(lambda word: {"type": "image_generation_call", "id": word, "result": "AAAA"}, WORDS),
    st.builds(lambda word: {"type": "web_search_call", "action": {"query": word}}, WORDS),
)
ITEMS = st.lists(st.builds(message, WORDS) | THINGS, max_size=3)
DELTAS = st.one_of(
    st.builds(text_delta, WORDS, INDEXES, INDEXES),
    st.builds(raw_delta, WORDS, INDEXES),
    st.builds(summary_delta, WORDS, INDEXES, INDEXES),
    st.builds(arguments_delta, WORDS, INDEXES),
)
OTHERS = st.one_of(
    st.builds(
        lambda text, output: event("response.output_text.done", output_index=output, text=text),
        WORDS,
        INDEXES,
    ),
    st.builds(item_done, st.builds(message, WORDS) | THINGS, INDEXES),
    st.builds(item_added, THINGS, INDEXES),
    st.just(event("response.new.thing", delta={"a": []})),
)
ENDS = st.one_of(
    st.builds(lambda items: completed(*items), ITEMS),
    st.just(event("error", code="x", message="m")),
    st.just(event("response.failed", response={"error": {"code": "y"}})),
)
SCRIPTS = st.tuples(st.lists(DELTAS | OTHERS, max_size=12), st.lists(ENDS, max_size=2))


def framed(script: tuple[list[object], list[object]], done: bytes) -> bytes:
    """As a host frames it that escapes everything outside ASCII."""
    events = [*script[0], *script[1]]
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + done


def folded(chunks: list[bytes]) -> Fold:
    fold = Fold()
    for told in decoded(*chunks):
        fold.take(told)
    return fold


@given(
    script=SCRIPTS,
    done=st.sampled_from([b"", DONE, DONE + DONE]),
    places=st.lists(st.integers(min_value=0), max_size=30),
)
def test_chunks_do_not_change_what_an_answer_adds_up_to(
    script: tuple[list[object], list[object]], done: bytes, places: list[int]
) -> None:
    body = framed(script, done)
    cut_up = pieces(body, sorted(place % (len(body) + 1) for place in places))
    whole, in_chunks = folded([body]), folded(cut_up)
    assert in_chunks == whole
    assert len(whole.ends) == min(len(script[1]), 1)
    assert whole.text.encode().decode() == whole.text


@given(texts=st.lists(st.text(max_size=5), max_size=10))
def test_text_is_what_the_deltas_add_up_to(texts: list[str]) -> None:
    body = framed((list(map(text_delta, texts)), [completed(message("".join(texts) + "!"))]), DONE)
    assert folded([body]).text == ("".join(texts) or "!")


@given(text=st.text(st.characters(min_codepoint=0x10000), min_size=1, max_size=8))
def test_characters_sent_by_halves_come_out_whole(text: str) -> None:
    units = text.encode("utf-16-le")
    halves = [
        units[start : start + 2].decode("utf-16-le", "surrogatepass")
        for start in range(0, len(units), 2)
    ]
    body = framed((list(map(text_delta, halves)), [completed()]), b"")
    assert folded([body]).text == text
    assert folded([body[:100], body[100:]]).text == text


@given(script=SCRIPTS)
def test_a_call_is_begun_at_most_once_and_told_at_most_once(
    script: tuple[list[object], list[object]],
) -> None:
    told = decoded(framed(script, DONE))
    places = [each.output_index for each in told if isinstance(each, ToolCalled)]
    ids = [each.call.call_id for each in told if isinstance(each, ToolCalled)]
    began = [each.output_index for each in told if isinstance(each, ToolCallBegan)]
    assert len(set(places)) == len(places)
    assert len(set(ids)) == len(ids)
    assert len(set(began)) == len(began)
    assert all(isinstance(each, StreamEnded) for each in told[-1:] if script[1])


@given(arguments=st.lists(WORDS, max_size=6), is_finished=st.booleans())
def test_arguments_are_what_their_pieces_add_up_to(arguments: list[str], is_finished: bool) -> None:
    whole = "".join(arguments)
    begun = item_added(function_call())
    finished = [item_done(function_call(whole))] if is_finished else []
    body = framed(([begun, *map(arguments_delta, arguments), *finished], [completed()]), b"")
    (told,) = (each for each in decoded(body) if isinstance(each, ToolCalled))
    assert told.call.arguments == whole.encode("utf-16-le", "surrogatepass").decode(
        "utf-16-le", "replace"
    )


@given(items=ITEMS, places=st.lists(st.integers(min_value=0), max_size=5))
def test_a_body_tells_what_its_terminal_event_alone_would(
    items: list[object], places: list[int]
) -> None:
    ending = completed(*items, usage={"input_tokens": 1})
    body = json.dumps(ending["response"]).encode()
    cut_up = pieces(body, sorted(place % (len(body) + 1) for place in places))
    told = decoded_body(*cut_up)
    assert told == decoded(framed(([], [ending]), b""))
    assert the_end(told) == told[-1]
