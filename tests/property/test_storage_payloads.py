"""Whatever is stored reads as what it was, and whatever is read raises one error at most."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from actors.artifacts import StoredItem
from actors.values import OpaqueItem, Reasoning, ToolCall, ToolOutput, WireFormat
from bridge.storage.payloads import PayloadBroken, item_of, payload_text
from bridge.storage.rows import fitted
from bridge.transforms.text import whole

# What means something in a payload.
WORDS = [
    "type",
    "wire",
    "exact",
    "text",
    "reasoning_details",
    "_place",
    "call_id",
    "name",
    "arguments",
    "output",
    "reasoning",
    "opaque",
    "function_call",
    "function_call_output",
    "chat_completions",
    "responses",
    "message",
]

texts = st.text(max_size=12) | st.sampled_from(WORDS)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
documents = st.dictionaries(texts, values, max_size=6) | st.lists(values, max_size=3)
spellings = st.builds(
    lambda value, indent, ascii_only, tail: (
        json.dumps(value, indent=indent, ensure_ascii=ascii_only) + tail
    ),
    documents,
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.sampled_from(["", " ", "\n", ',"_place":4}']),
)
json_texts = spellings | st.text(max_size=20)
wires = st.sampled_from(WireFormat)
items: st.SearchStrategy[StoredItem] = (
    st.builds(Reasoning, wire=wires, json=json_texts)
    | st.builds(OpaqueItem, wire=wires, json=json_texts)
    | st.builds(ToolCall, call_id=texts, name=texts, arguments=texts)
    | st.builds(ToolOutput, call_id=texts, output=texts)
)
surrogates = st.text(alphabet=st.characters(categories=["Cs", "Lu", "Cc"]), max_size=8)


@given(item=items, place=st.integers(0, 1_000_000))
@example(item=Reasoning(wire=WireFormat.RESPONSES, json='{"type":"reasoning","_place":5}'), place=0)
@example(item=OpaqueItem(wire=WireFormat.RESPONSES, json="{}"), place=2)
@example(
    item=OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"function_call","call_id":"c"}'),
    place=1,
)
def test_what_is_stored_reads_as_what_it_was(item: StoredItem, place: int) -> None:
    payload = payload_text(item, place)
    assert item_of(payload) == (item, place)
    assert isinstance(json.loads(payload), dict)


@given(text=surrogates, wire=wires, place=st.integers(0, 9))
def test_lone_surrogates_are_mended_and_nothing_else(
    text: str, wire: WireFormat, place: int
) -> None:
    for item, mended in (
        (Reasoning(wire=wire, json=text), Reasoning(wire=wire, json=whole(text))),
        (OpaqueItem(wire=wire, json=text), OpaqueItem(wire=wire, json=whole(text))),
        (ToolOutput(call_id="c", output=text), ToolOutput(call_id="c", output=whole(text))),
    ):
        payload = payload_text(item, place)
        assert payload.encode()
        assert item_of(payload) == (mended, place)


@given(payload=json_texts | st.text(max_size=30))
def test_any_payload_reads_as_an_item_or_as_broken(payload: str) -> None:
    try:
        item, place = item_of(payload)
    except PayloadBroken:
        return
    assert place >= 0
    assert item_of(payload_text(item, place)) == (item, place)


@given(text=st.text(alphabet=st.characters(categories=None), max_size=40), room=st.integers(20, 30))
def test_every_name_fits_its_column_and_can_be_stored(text: str, room: int) -> None:
    held = fitted(text, room)
    assert len(held) <= room
    assert "\0" not in held
    held.encode()
    assert held == text or held.startswith("~")


@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_two_names_never_meet_in_a_column(one: str, other: str) -> None:
    assert (fitted(one, 20) == fitted(other, 20)) is (one == other)


@given(text=st.text(min_size=21))
def test_nobody_gets_at_a_long_name_by_its_digest(text: str) -> None:
    digest = fitted(text, 20)
    assert digest.startswith("~")
    assert fitted(digest, 20) != digest
