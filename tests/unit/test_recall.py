"""Artifacts take the place of their marks, and nothing that a provider refuses does."""

from __future__ import annotations

from itertools import count

import pytest

from actors.artifacts import Artifact, Recalled, StoredItem
from actors.recall import Placed, ReasoningRetention, is_of_family, placed, wanted
from actors.retention import shortened
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

MODEL = "anthropic/claude-opus-4.5"


def turn(words: str, role: Role = Role.ASSISTANT) -> Turn:
    return Turn(role=role, parts=(TextPart(text=words),))


def asked(words: str = "?") -> Turn:
    return turn(words, Role.USER)


def thought(name: str = "1") -> Reasoning:
    return Reasoning(wire=WireFormat.RESPONSES, json=f'{{"type":"reasoning","id":"rs_{name}"}}')


def call(call_id: str = "c1") -> ToolCall:
    return ToolCall(call_id=call_id, name="clock", arguments="{}")


def gave(call_id: str = "c1", output: str = "noon") -> ToolOutput:
    return ToolOutput(call_id=call_id, output=output)


class Shelf:
    """Artifacts of a chat under names that are easy to read."""

    def __init__(self, model_id: str = MODEL) -> None:
        self.model_id = model_id
        self.kept: list[Artifact] = []
        self._names = count(1)

    def marks(
        self,
        *items: StoredItem,
        message: str = "m1",
        has_places: bool = True,
        first_place: int = 0,
    ) -> list[Mark]:
        """Keep an answer; return its marks."""
        marks = []
        for place, item in enumerate(items, first_place):
            artifact = Artifact(
                id=f"{next(self._names):020d}",
                chat_id="chat",
                message_id=message,
                model_id=self.model_id,
                item=item,
                place=place if has_places else 0,
            )
            self.kept.append(artifact)
            marks.append(Mark(artifact_id=artifact.id))
        return marks

    def lose(self, mark: Mark) -> None:
        self.kept = [each for each in self.kept if each.id != mark.artifact_id]

    def place(
        self,
        *items: Item,
        model: str = MODEL,
        retention: ReasoningRetention = ReasoningRetention.CONVERSATION,
        turns_kept: int = 0,
    ) -> Placed:
        return placed(
            items,
            Recalled(artifacts=tuple(self.kept)),
            model=model,
            retention=retention,
            turns_kept=turns_kept,
        )


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_what_is_wanted_is_asked_for_once_and_in_order() -> None:
    marks = [Mark(artifact_id=each) for each in ("b", "a", "b")]
    assert wanted([asked(), *marks, turn("x")]) == ("b", "a")


def test_artifacts_stand_where_their_marks_stood(shelf: Shelf) -> None:
    """SPEC 39."""
    marks = shelf.marks(thought("1"), call(), gave(), thought("2"))
    done = shelf.place(asked(), *marks, turn("Noon."), asked())
    answer = (thought("1"), call(), gave(), thought("2"), turn("Noon."))
    assert done.items == (asked(), *answer, asked())
    assert done.placed == 4


def test_places_overrule_the_order_of_marks(shelf: Shelf) -> None:
    first, second, third = shelf.marks(call(), gave(), thought("2"))
    done = shelf.place(asked(), third, first, second, turn("Noon."))
    assert done.items == (asked(), call(), gave(), thought("2"), turn("Noon."))


def test_rows_without_places_keep_the_order_of_marks(shelf: Shelf) -> None:
    """SPEC 150: rows of the earlier pipe."""
    marks = shelf.marks(thought("1"), call(), gave(), thought("2"), has_places=False)
    done = shelf.place(*marks, turn("Noon."))
    assert done.items == (thought("1"), call(), gave(), thought("2"), turn("Noon."))


def test_two_answers_side_by_side_are_not_mixed(shelf: Shelf) -> None:
    """Rounds of one message that Open WebUI led, and two messages without a word between."""
    one = shelf.marks(thought("1"), call("c1"), gave("c1"))
    two = shelf.marks(thought("2"), call("c2"), gave("c2"))
    three = shelf.marks(thought("3"), message="m2")
    done = shelf.place(*one, *two, *three, turn("x"))
    assert done.items == (
        *(thought("1"), call("c1"), gave("c1")),
        *(thought("2"), call("c2"), gave("c2")),
        *(thought("3"), turn("x")),
    )


def test_places_of_different_messages_have_nothing_to_do_with_each_other(shelf: Shelf) -> None:
    one = shelf.marks(thought("1"), first_place=7)
    two = shelf.marks(call(), gave(), message="m2", first_place=1)
    done = shelf.place(*one, *two, turn("x"))
    assert done.items == (thought("1"), call(), gave(), turn("x"))


def test_an_unknown_kind_of_item_is_put_back_and_keeps_its_thinking(shelf: Shelf) -> None:
    opaque = OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"custom_tool_call"}')
    done = shelf.place(*shelf.marks(thought(), opaque), asked())
    assert done.items == (thought(), opaque, asked())


def test_an_artifact_is_put_back_once(shelf: Shelf) -> None:
    """A model that repeats a mark gets no second copy."""
    (mark,) = shelf.marks(thought())
    done = shelf.place(mark, turn("x"), mark, turn("y"), asked(), mark, turn("z"))
    assert done.items == (thought(), turn("x"), turn("y"), asked(), turn("z"))
    assert (done.placed, done.missing) == (1, 0)


def test_without_a_store_the_words_are_left() -> None:
    """SPEC 42."""
    items = (asked(), Mark(artifact_id="x"), turn("Five."), asked())
    done = Shelf().place(*items)
    assert done == Placed(items=(asked(), turn("Five."), asked()), missing=1)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_call_and_an_output_go_together(shelf: Shelf, lost: int) -> None:
    """SPEC 41."""
    marks = shelf.marks(call("c1"), gave("c1"), call("c2"), gave("c2"))
    shelf.lose(marks[lost])
    done = shelf.place(*marks, turn("x"))
    assert done.items == (call("c2"), gave("c2"), turn("x"))
    assert (done.missing, done.unpaired) == (1, 1)


@pytest.mark.parametrize("lost", [1, 2])
def test_thinking_that_led_to_a_lost_call_goes_with_it(shelf: Shelf, lost: int) -> None:
    """The thinking behind it would make it look as if it had led there (FACTS, Reasoning)."""
    marks = shelf.marks(thought("1"), call(), gave(), thought("2"))
    shelf.lose(marks[lost])
    done = shelf.place(*marks, turn("x"))
    assert done.items == (thought("2"), turn("x"))
    assert (done.placed, done.missing, done.unpaired) == (1, 1, 2)


def test_thinking_before_a_call_does_not_mind_what_is_lost_behind_it(shelf: Shelf) -> None:
    marks = shelf.marks(thought("1"), call(), gave(), thought("2"), thought("3"))
    shelf.lose(marks[-1])
    done = shelf.place(*marks, turn("x"))
    assert done.items == (thought("1"), call(), gave(), turn("x"))


def test_thinking_that_led_to_nothing_is_left_out(shelf: Shelf) -> None:
    done = shelf.place(*shelf.marks(thought("1"), thought("2")), asked())
    assert (done.items, done.unpaired) == ((asked(),), 2)


# --- what Open WebUI rebuilt ---------------------------------------------------------------------


def test_a_rebuilt_call_is_not_sent_beside_the_stored_one(shelf: Shelf) -> None:
    """SPEC 33: the marks rule."""
    marks = shelf.marks(thought(), call("c1"), gave("c1", "stored"))
    done = shelf.place(asked(), call("c1"), gave("c1", "rebuilt"), *marks, turn("x"))
    assert done.items == (asked(), thought(), call("c1"), gave("c1", "stored"), turn("x"))
    assert done.doubled == 2


def test_a_rebuilt_pair_stands_in_for_a_stored_one_that_is_torn(shelf: Shelf) -> None:
    marks = shelf.marks(call("c1"), gave("c1", "stored"))
    shelf.lose(marks[1])
    done = shelf.place(call("c1"), gave("c1", "rebuilt"), *marks, turn("x"))
    assert done.items == (call("c1"), gave("c1", "rebuilt"), turn("x"))


def test_calls_that_only_open_webui_knows_stay(shelf: Shelf) -> None:
    (mark,) = shelf.marks(thought())
    done = shelf.place(mark, call("c9"), gave("c9"), turn("x"))
    assert done.items == (thought(), call("c9"), gave("c9"), turn("x"))


def test_the_same_id_in_another_answer_is_another_call(shelf: Shelf) -> None:
    """Some models count their calls from zero in every answer."""
    marks = shelf.marks(call("0"), gave("0", "one"))
    done = shelf.place(asked(), *marks, turn("x"), asked(), call("0"), gave("0", "two"), turn("y"))
    assert [i.output for i in done.items if isinstance(i, ToolOutput)] == ["one", "two"]
    assert done.doubled == 0


def test_the_same_id_in_two_rounds_of_an_answer_is_two_calls(shelf: Shelf) -> None:
    marks = shelf.marks(call("0"), gave("0", "one"), call("0"), gave("0", "two"))
    done = shelf.place(*marks, turn("x"))
    assert done.items == (call("0"), gave("0", "one"), call("0"), gave("0", "two"), turn("x"))


def rebuilt() -> Reasoning:
    return Reasoning(wire=WireFormat.CHAT, json='[{"type":"reasoning.text","text":"hm"}]')


def test_rebuilt_thinking_is_not_sent_beside_the_stored(shelf: Shelf) -> None:
    (mark,) = shelf.marks(thought())
    done = shelf.place(rebuilt(), mark, turn("x"), asked(), rebuilt(), turn("y"))
    assert done.items == (thought(), turn("x"), asked(), rebuilt(), turn("y"))
    assert done.doubled == 1


def test_rebuilt_thinking_stays_where_the_stored_is_gone() -> None:
    done = Shelf().place(rebuilt(), Mark(artifact_id="x"), turn("x"))
    assert done.items == (rebuilt(), turn("x"))


# --- other models --------------------------------------------------------------------------------


def test_thinking_of_another_family_is_left_out_and_its_calls_stay() -> None:
    """FACTS, Reasoning: other model next."""
    shelf = Shelf("openai/gpt-5")
    done = shelf.place(*shelf.marks(thought(), call(), gave()), turn("x"))
    assert done.items == (call(), gave(), turn("x"))
    assert (done.foreign, done.placed, done.unpaired) == (1, 2, 0)


@pytest.mark.parametrize(
    ("made_by", "asked_now", "is_one"),
    [
        ("openai/gpt-5", "openai/gpt-5-mini", True),
        ("openai/gpt-5:nitro", "openai/o3@preset/x", True),
        ("~anthropic/claude-latest", "anthropic/claude-opus-4.5", True),
        ("OpenAI/gpt-5", "openai/gpt-5", True),
        ("openai.gpt-4o", "openai/gpt-5", True),
        ("open_webui_openrouter_pipe.openai.gpt-4o", "openai/gpt-5", True),
        ("anthropic.claude-3.5-sonnet", "anthropic/claude-opus-4.5", True),
        ("openrouter/horizon", "openrouter/horizon", True),
        ("openrouter.horizon-1.5", "openrouter/horizon-1.5", True),
        ("openai/gpt-5", "anthropic/claude-opus-4.5", False),
        ("anthropic.claude-3.5-sonnet", "openai/gpt-5", False),
        ("pipe.anthropic.claude", "openai/gpt-5", False),
        ("meta.llama.openai", "openai/gpt-5", False),
        ("openai/gpt-5", "openrouter/auto", False),
        ("openrouter/auto", "openrouter/horizon", False),
        ("openai/gpt-5", "@preset/mine", False),
        ("@preset/mine", "@preset/mine", False),
        ("", "openai/gpt-5", False),
        ("", "", False),
    ],
)
def test_a_family_is_told_by_the_maker(made_by: str, asked_now: str, is_one: bool) -> None:
    assert is_of_family(made_by, asked_now) is is_one


# --- retention -----------------------------------------------------------------------------------


def test_thinking_that_is_kept_for_the_chat_is_not_forgotten(shelf: Shelf) -> None:
    """SPEC 43."""
    done = shelf.place(*shelf.marks(thought()), turn("x"), asked())
    assert done.to_forget == ()


def test_thinking_that_is_kept_for_one_reply_is_sent_and_then_forgotten(shelf: Shelf) -> None:
    thinking, called, output = marks = shelf.marks(thought(), call(), gave())
    retention = ReasoningRetention.NEXT_REPLY
    done = shelf.place(*marks, turn("x"), asked(), retention=retention)
    assert done.items == (thought(), call(), gave(), turn("x"), asked())
    assert done.to_forget == (thinking.artifact_id,)
    assert called.artifact_id not in done.to_forget
    assert output.artifact_id not in done.to_forget


def test_thinking_of_another_family_has_had_its_reply_too() -> None:
    shelf = Shelf("openai/gpt-5")
    (mark,) = shelf.marks(thought())
    done = shelf.place(mark, turn("x"), asked(), retention=ReasoningRetention.NEXT_REPLY)
    assert done.to_forget == (mark.artifact_id,)


def test_thinking_of_an_answer_that_still_goes_on_is_not_forgotten(shelf: Shelf) -> None:
    """Open WebUI runs the tools: a model wants its thinking back in every round."""
    (mark,) = shelf.marks(thought())
    retention = ReasoningRetention.NEXT_REPLY
    done = shelf.place(asked(), mark, call(), gave(), retention=retention)
    assert done.items == (asked(), thought(), call(), gave())
    assert done.to_forget == ()


def test_thinking_that_is_not_to_be_kept_is_not_sent_either(shelf: Shelf) -> None:
    marks = shelf.marks(thought(), call(), gave())
    done = shelf.place(*marks, turn("x"), retention=ReasoningRetention.DISABLED)
    assert done.items == (call(), gave(), turn("x"))
    assert (done.foreign, done.missing, done.unpaired) == (0, 0, 0)


def test_old_outputs_grow_short_as_those_of_the_history_do(shelf: Shelf) -> None:
    """SPEC 34."""
    long = gave(output="x" * 5000)
    old, new = (shelf.marks(call(), long, message=each) for each in ("m1", "m2"))
    items = (asked(), *old, turn("x"), asked(), *new, turn("y"))
    assert shelf.place(*items, turns_kept=1).items == (
        *(asked(), call(), shortened(long), turn("x")),
        *(asked(), call(), long, turn("y")),
    )
