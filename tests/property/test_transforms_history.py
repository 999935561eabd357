"""A conversation that grows keeps its beginning, and none is too long (SPEC 121)."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actors.pairing import paired
from actors.retention import HEAD_CHARS, TAIL_CHARS, with_short_outputs
from actors.values import Item, Model, Role, TextPart, ToolCall, ToolOutput, Turn
from bridge.transforms.details import without_details
from bridge.transforms.history import history_of
from bridge.transforms.policy import RequestPolicy
from bridge.transforms.request_body import chat_request

WORDS = st.text(min_size=1, max_size=8)
CALLS = st.lists(
    st.tuples(st.sampled_from(["c1", "c2", "", None]), WORDS, st.sampled_from(["", "{}", "{"])),
    max_size=3,
)


def round_of(question: str, answer: str, calls: list[tuple[str | None, str, str]]) -> list[object]:
    """One turn as Open WebUI sends it: question, calls with their outputs, answer."""
    thinking = [{"type": "reasoning.text", "text": answer, "index": 0}]
    messages: list[object] = [{"role": "user", "content": question}]
    if calls:
        made = [
            {"id": call_id, "function": {"name": "f", "arguments": arguments}}
            for call_id, _, arguments in calls
        ]
        messages.append(
            {
                "role": "assistant",
                "content": "",
                "tool_calls": made,
                "reasoning_details": thinking,
            }
        )
        # Calls that share an id are answered one after the other.
        messages += [
            {"role": "tool", "tool_call_id": call_id, "content": output * 300}
            for call_id, output, _ in calls
        ]
    messages.append({"role": "assistant", "content": answer, "reasoning_details": thinking})
    return messages


ROUNDS = st.builds(round_of, WORDS, WORDS, CALLS)
ITEMS = st.lists(
    st.one_of(
        st.builds(
            ToolCall, call_id=st.sampled_from("ab"), name=st.just("f"), arguments=st.just("{}")
        ),
        st.builds(ToolOutput, call_id=st.sampled_from("ab"), output=WORDS),
        st.builds(
            Turn,
            role=st.sampled_from(Role),
            parts=st.tuples(st.builds(TextPart, text=WORDS)),
        ),
    ),
    max_size=12,
)


@given(rounds=st.lists(ROUNDS, max_size=6))
def test_a_conversation_that_grows_keeps_its_beginning(rounds: list[list[object]]) -> None:
    messages: list[object] = []
    read: list[tuple[Item, ...]] = [()]
    for each in rounds:
        messages += each
        made = history_of(messages)
        assert (made.messages_dropped, made.items_dropped) == (0, 0)
        read.append(made.items)
    for before, after in pairwise(read):
        assert after[: len(before)] == before


@given(rounds=st.lists(ROUNDS, min_size=1, max_size=12), kept=st.integers(1, 4))
def test_the_beginning_of_a_request_changes_once_in_so_many_turns(
    rounds: list[list[object]], kept: int
) -> None:
    """Between two cuts, what was sent before is sent again to the letter."""
    policy = RequestPolicy(output_turns_kept=kept, sends_user=True)
    model = Model(id="anthropic/a", name="x", parameters=("reasoning",))
    messages: list[object] = []
    sent: list[tuple[Item, ...]] = []
    for each in rounds:
        messages += each
        request = chat_request(
            {"model": "anthropic/a", "messages": messages},
            request_id="r",
            function_id="room",
            model_ids={"anthropic.a": "anthropic/a"},
            models={"anthropic/a": model},
            policy=policy,
        )
        sent.append(request.items)
    for turns, (before, after) in enumerate(pairwise(sent), start=1):
        if turns % kept:
            assert after[: len(before)] == before
        changed = [new for old, new in zip(before, after[: len(before)], strict=True) if old != new]
        assert all(isinstance(item, ToolOutput) for item in changed)


@given(items=ITEMS)
def test_pairing_is_done_once(items: list[Item]) -> None:
    once = paired(items)
    assert paired(once.items).items == once.items
    assert paired(once.items).dropped == 0
    assert once.dropped == len(items) - len(once.items)


@given(items=ITEMS)
def test_pairing_keeps_every_pair_and_every_word(items: list[Item]) -> None:
    kept = paired(items).items
    assert [i for i in kept if isinstance(i, Turn)] == [i for i in items if isinstance(i, Turn)]
    for call_id in "ab":
        waiting = matched = 0
        for item in items:
            if isinstance(item, ToolCall) and item.call_id == call_id:
                waiting += 1
            elif isinstance(item, ToolOutput) and item.call_id == call_id and waiting:
                waiting, matched = waiting - 1, matched + 1
        assert sum(isinstance(i, ToolCall) and i.call_id == call_id for i in kept) == matched
        assert sum(isinstance(i, ToolOutput) and i.call_id == call_id for i in kept) == matched


@given(outputs=st.lists(st.text(max_size=2000), max_size=20), kept=st.integers(0, 5))
def test_shortening_is_done_once_and_keeps_both_ends(outputs: list[str], kept: int) -> None:
    items: list[Item] = []
    for text in outputs:
        items += [
            Turn(role=Role.USER, parts=(TextPart(text="x"),)),
            ToolOutput(call_id="c", output=text),
        ]
    once = with_short_outputs(items, turns_kept=kept)
    assert with_short_outputs(once, turns_kept=kept) == once
    for old, new in zip(items, once, strict=True):
        if isinstance(old, ToolOutput) and isinstance(new, ToolOutput):
            assert new.output[:HEAD_CHARS] == old.output[:HEAD_CHARS]
            assert old.output.endswith(new.output[-TAIL_CHARS:])
            assert len(new.output) <= len(old.output)


PIECES = st.sampled_from(
    ['<details type="reasoning">', '<details type="x">', "</details>", "<details", ">", "a", "\n"]
)


@given(pieces=st.lists(PIECES, max_size=12))
def test_taking_blocks_out_only_ever_takes_away(pieces: list[str]) -> None:
    text = "".join(pieces)
    left = without_details(text)
    rest = iter(text)
    assert all(char in rest for char in left), "the letters that are left, in their order"
    if "</details>" not in text:
        assert left == text


def test_ten_thousand_messages_are_read() -> None:
    messages = round_of("why?", "so", [("c1", "x", "{}")]) * 2500
    assert len(messages) == 10_000
    made = history_of(messages)
    assert (made.messages_dropped, made.items_dropped) == (0, 0)
    assert len(with_short_outputs(made.items, turns_kept=10)) == len(made.items) == 15_000


def test_a_message_of_twenty_megabytes_is_read() -> None:
    # Each of them begins like what is looked for, and is not.
    for piece in ('<details type="reasoning" ', "![", "](https://a", "\U0001f600"):
        text = piece * (20_000_000 // len(piece))
        request = chat_request(
            {
                "model": "a/b",
                "messages": [
                    {"role": "assistant", "content": text},
                    {"role": "user", "content": text},
                ],
            },
            request_id="r",
            function_id="room",
            model_ids={"a.b": "a/b"},
            policy=RequestPolicy(),
        )
        assert len(request.items) == 2


def test_a_tool_that_says_twenty_megabytes_is_read() -> None:
    messages = round_of("why?", "so", [("c1", "x" * 60_000, "{}")])
    (output,) = [item for item in history_of(messages).items if isinstance(item, ToolOutput)]
    assert len(output.output) == 300 * 60_000
    assert json.dumps(output.output)
