"""What of an answer is kept for later turns (SPEC 43, 44)."""

import pytest

from actors.artifacts import Artifact, StoredItem
from actors.conversation import Conversation, advance
from actors.keeping import ARTIFACTS_PER_ANSWER_MAX, Keeps, artifacts_of, bounded, kept_of
from actors.values import (
    ImageMade,
    Reasoning,
    ReasoningMade,
    RefusalAdvanced,
    SearchAdvanced,
    StreamEvent,
    ToolCall,
    ToolCalled,
    ToolOutput,
    WireFormat,
)
from tests.unit.chat_stage import text
from tests.unit.simloop_sink import thought as thinking_shown

BOTH = Keeps(reasoning=True, tools=True)
THINKING = Keeps(reasoning=True, tools=False)
TOOLS = Keeps(reasoning=False, tools=True)


def thought(name: str) -> Reasoning:
    return Reasoning(wire=WireFormat.RESPONSES, json=f'{{"id":"{name}"}}')


def made(name: str, item: int) -> ReasoningMade:
    return ReasoningMade(output_index=item, reasoning=thought(name))


def call(call_id: str) -> ToolCall:
    return ToolCall(call_id=call_id, name="clock", arguments="{}")


def called(call_id: str, item: int) -> ToolCalled:
    return ToolCalled(output_index=item, call=call(call_id))


def gave(call_id: str) -> ToolOutput:
    return ToolOutput(call_id=call_id, output="noon")


def said(*events: StreamEvent) -> Conversation:
    return advance(Conversation(), events)[0]


def test_thinking_calls_and_outputs_are_kept_in_the_order_of_the_answer() -> None:
    answer = said(called("c2", 3), made("1", 0), text("Let me look.", 1), called("c1", 2))
    kept = kept_of(answer, (gave("c1"), gave("c2")), keeps=BOTH)
    assert kept == (thought("1"), call("c1"), call("c2"), gave("c1"), gave("c2"))


def test_words_and_searches_are_never_kept() -> None:
    assert kept_of(said(text("Five."), SearchAdvanced(output_index=1)), keeps=BOTH) == ()


@pytest.mark.parametrize(
    "words",
    [
        text("Five.", 1),
        RefusalAdvanced(output_index=1, content_index=0, text="No."),
        ImageMade(output_index=1, url="https://a.example/x.png"),
    ],
)
def test_thinking_that_led_to_something_to_see_is_kept(words: StreamEvent) -> None:
    assert kept_of(said(made("1", 0), words), keeps=THINKING) == (thought("1"),)


def test_thinking_that_led_to_nothing_is_not_kept() -> None:
    """FACTS, Reasoning: a provider refuses it."""
    answer = said(thinking_shown("hm"), text("Five.", 0), made("1", 1))
    assert kept_of(answer, keeps=BOTH) == ()
    assert kept_of(said(thinking_shown("hm"), made("1", 0)), keeps=BOTH) == ()


def test_thinking_is_not_kept_where_it_is_not_to_be() -> None:
    answer = said(made("1", 0), called("c1", 1))
    assert kept_of(answer, (gave("c1"),), keeps=TOOLS) == (call("c1"), gave("c1"))


def test_thinking_before_a_call_is_kept_with_it_or_not_at_all() -> None:
    answer = said(made("1", 0), called("c1", 1))
    assert kept_of(answer, (gave("c1"),), keeps=THINKING) == ()
    with_words = said(made("1", 0), text("Let me look.", 1), called("c1", 2))
    assert kept_of(with_words, (gave("c1"),), keeps=THINKING) == (thought("1"),)


def test_a_call_is_kept_only_with_its_output() -> None:
    answer = said(called("c1", 0), called("c2", 1))
    assert kept_of(answer, (gave("c2"),), keeps=BOTH) == (call("c2"), gave("c2"))
    assert kept_of(answer, keeps=BOTH) == ()
    assert kept_of(said(text("x")), (gave("c3"),), keeps=BOTH) == ()


@pytest.mark.parametrize("keeps", [THINKING, BOTH])
def test_calls_that_are_handed_over_leave_their_thinking(keeps: Keeps) -> None:
    """Whoever runs them sends them back; the thinking has to be there by then."""
    answer = said(made("1", 0), called("c1", 1))
    assert kept_of(answer, keeps=keeps, hands_over=True) == (thought("1"),)


def test_calls_that_are_handed_over_are_not_kept() -> None:
    assert kept_of(said(called("c1", 1)), keeps=TOOLS, hands_over=True) == ()


def test_artifacts_have_places_and_belong_to_an_answer() -> None:
    items: list[StoredItem] = [thought("1"), call("c1"), gave("c1")]
    artifacts = artifacts_of(items, "abc", chat_id="chat", message_id="m", model_id="openai/o3")
    assert [(each.id, each.place, each.item) for each in artifacts] == [
        ("a", 0, items[0]),
        ("b", 1, items[1]),
        ("c", 2, items[2]),
    ]
    assert artifacts[0] == Artifact(
        id="a", chat_id="chat", message_id="m", model_id="openai/o3", item=items[0], place=0
    )


@pytest.mark.parametrize(("chat_id", "message_id"), [("", "m"), ("chat", "")])
def test_an_artifact_of_nobody_is_a_bug(chat_id: str, message_id: str) -> None:
    """SPEC 154."""
    with pytest.raises(AssertionError):
        artifacts_of((), (), chat_id=chat_id, message_id=message_id, model_id="m")


def test_of_too_many_the_newest_are_kept() -> None:
    items = [gave(str(at)) for at in range(ARTIFACTS_PER_ANSWER_MAX + 1)]
    assert bounded(items) == tuple(items[1:])
    assert bounded(items[:3]) == tuple(items[:3])
