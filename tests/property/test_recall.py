"""Whatever was stored and lost, a conversation that is put together can be sent (SPEC 39-43)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from actors.artifacts import Artifact, Recalled, StoredItem
from actors.pairing import paired
from actors.recall import ReasoningRetention, placed, wanted
from actors.values import (
    Item,
    Mark,
    OpaqueItem,
    Reasoning,
    Role,
    TextPart,
    ToolCall,
    ToolOutput,
    Turn,
    WireFormat,
)

NAMES = [f"{at:020d}" for at in range(8)]
CALL_IDS = st.sampled_from("abc")
MODELS = st.sampled_from(["openai/gpt-5", "openai.gpt-4o", "anthropic/claude", "room.openai.o3"])

THOUGHTS = st.builds(
    Reasoning, wire=st.sampled_from(WireFormat), json=st.integers(0, 99).map(lambda n: f"[{n}]")
)
CALLS = st.builds(ToolCall, call_id=CALL_IDS, name=st.just("f"), arguments=st.just("{}"))
OUTPUTS = st.builds(ToolOutput, call_id=CALL_IDS, output=st.text("xy", max_size=3))
OPAQUE = st.builds(OpaqueItem, wire=st.just(WireFormat.RESPONSES), json=st.just("{}"))
TURNS = st.builds(
    Turn,
    role=st.sampled_from(Role),
    parts=st.text("ab", min_size=1, max_size=3).map(lambda words: (TextPart(text=words),)),
)
MARKS = st.builds(Mark, artifact_id=st.sampled_from(NAMES))
ITEMS = st.lists(MARKS | TURNS | CALLS | OUTPUTS | THOUGHTS, max_size=24)


@st.composite
def shelves(draw: st.DrawFn) -> Recalled:
    """Some of the artifacts, of answers by any model, their places known or not."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return Recalled(
        artifacts=tuple(
            Artifact(
                id=name,
                chat_id="chat",
                message_id=draw(st.sampled_from(["m1", "m2"])),
                model_id=draw(MODELS),
                item=draw(THOUGHTS | CALLS | OUTPUTS | OPAQUE),
                place=draw(st.integers(0, 3)),
            )
            for name in names
        )
    )


RETENTIONS = st.sampled_from(ReasoningRetention)


def turns(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if isinstance(item, Turn)]


@given(items=ITEMS, recalled=shelves(), retention=RETENTIONS)
def test_what_is_put_together_has_no_marks_no_orphans_and_all_its_words(
    items: list[Item], recalled: Recalled, retention: ReasoningRetention
) -> None:
    done = placed(items, recalled, model="openai/gpt-5", retention=retention, turns_kept=0)
    assert not any(isinstance(item, Mark) for item in done.items)
    assert turns(done.items) == turns(items)
    # Nothing is left to drop, and every output is behind its call.
    assert paired(done.items).items == done.items
    assert paired(done.items).dropped == 0


@given(items=ITEMS, recalled=shelves(), retention=RETENTIONS)
def test_nothing_is_made_up_and_nothing_comes_twice(
    items: list[Item], recalled: Recalled, retention: ReasoningRetention
) -> None:
    done = placed(items, recalled, model="openai/gpt-5", retention=retention, turns_kept=0)
    found = {each.id: each.item for each in recalled.artifacts}
    named = [found[each] for each in wanted(items) if each in found]
    given_to = Counter(map(repr_of, [*(i for i in items if not isinstance(i, Mark)), *named]))
    assert Counter(map(repr_of, done.items)) <= given_to


@given(items=ITEMS, recalled=shelves(), retention=RETENTIONS)
def test_every_item_is_accounted_for(
    items: list[Item], recalled: Recalled, retention: ReasoningRetention
) -> None:
    done = placed(items, recalled, model="openai/gpt-5", retention=retention, turns_kept=0)
    found = {each.id: each.item for each in recalled.artifacts}
    named = [found[each] for each in wanted(items) if each in found]
    plain = sum(not isinstance(item, Mark) for item in items)
    is_off = retention is ReasoningRetention.DISABLED
    off = sum(isinstance(item, Reasoning) for item in named) if is_off else 0
    lost = done.unpaired + done.foreign + done.doubled + off
    assert len(done.items) == plain + len(named) - lost


@given(items=ITEMS, recalled=shelves(), retention=RETENTIONS)
def test_only_thinking_that_was_named_is_forgotten(
    items: list[Item], recalled: Recalled, retention: ReasoningRetention
) -> None:
    done = placed(items, recalled, model="openai/gpt-5", retention=retention, turns_kept=0)
    found = {each.id: each.item for each in recalled.artifacts}
    assert set(done.to_forget) <= set(wanted(items))
    assert all(isinstance(found[each], Reasoning) for each in done.to_forget)
    assert retention is ReasoningRetention.NEXT_REPLY or not done.to_forget


@given(items=ITEMS.map(lambda items: [i for i in items if not isinstance(i, Mark)]))
def test_a_conversation_without_marks_is_only_paired(items: list[Item]) -> None:
    """Even where ids of calls repeat, what was rebuilt is not taken for what was stored."""
    retention = ReasoningRetention.CONVERSATION
    done = placed(items, Recalled(), model="openai/gpt-5", retention=retention, turns_kept=0)
    assert done.items == paired(items).items
    assert (done.placed, done.missing, done.doubled) == (0, 0, 0)


@st.composite
def whole_answers(draw: st.DrawFn) -> list[StoredItem]:
    """What one answer leaves: rounds of thinking, calls and outputs, thinking before the words."""
    items: list[StoredItem] = []
    for at in range(draw(st.integers(0, 3))):
        items += draw(st.lists(THOUGHTS, max_size=2))
        ids = [f"{at}-{n}" for n in range(draw(st.integers(1, 3)))]
        items += [ToolCall(call_id=each, name="f", arguments="{}") for each in ids]
        items += [ToolOutput(call_id=each, output="x") for each in ids]
    return items + draw(st.lists(THOUGHTS, max_size=2))


@given(answers=st.lists(whole_answers(), max_size=4), data=st.data())
def test_answers_of_which_nothing_is_lost_come_back_in_order(
    answers: list[list[StoredItem]], data: st.DataObject
) -> None:
    """However their marks are shuffled within one answer: places tell the order."""
    artifacts: list[Artifact] = []
    items: list[Item] = []
    expected: list[Item] = []
    for number, answer in enumerate(answers):
        made = [
            Artifact(
                id=f"{number:010d}{place:010d}",
                chat_id="chat",
                message_id=f"m{number}",
                model_id="openai/gpt-5",
                item=item,
                place=place,
            )
            for place, item in enumerate(answer)
        ]
        artifacts += made
        question = Turn(role=Role.USER, parts=(TextPart(text="?"),))
        words = Turn(role=Role.ASSISTANT, parts=(TextPart(text=f"{number}"),))
        shuffled = data.draw(st.permutations(made))
        items += [question, *(Mark(artifact_id=each.id) for each in shuffled), words]
        expected += [question, *answer, words]
    done = placed(
        items,
        Recalled(artifacts=tuple(artifacts)),
        model="openai/gpt-5-mini",
        retention=ReasoningRetention.CONVERSATION,
        turns_kept=0,
    )
    assert done.items == tuple(expected)
    assert done.placed == len(artifacts)


def repr_of(item: Item) -> str:
    """Spell an item out: its own `repr` tells nothing of what people wrote."""
    return f"{type(item).__name__} {[getattr(item, name) for name in item.__struct_fields__]}"
