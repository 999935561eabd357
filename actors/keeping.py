"""What of an answer is kept for later turns. Pure (SPEC 43, 44).

Thinking when it is to be kept, calls with their outputs when tools were run here; never what
was said, which the history holds anyway. Round by round: the parts follow each other as the
answer did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from actors.artifacts import Artifact, StoredItem
from actors.conversation import Conversation, PartKind
from actors.pairing import with_consequence
from actors.values import Item, Reasoning, ReasoningMade, Role, ToolCall, ToolOutput, Turn

ARTIFACTS_PER_ANSWER_MAX: Final = 1_000
"""Of more, the oldest are not kept."""

_WORDS: Final = Turn(role=Role.ASSISTANT, parts=())
_THOUGHTS: Final = (PartKind.REASONING, PartKind.SUMMARY)


class Keeps(Struct, frozen=True, kw_only=True, gc=False):
    """What is to be kept. A chat that keeps nothing has none of these.

    `reasoning`: thinking (its retention is not `disabled`). `tools`: calls and their outputs
    (tool results persist, and tools are run here).
    """

    reasoning: bool
    tools: bool


def kept_of(
    conversation: Conversation,
    outputs: Sequence[ToolOutput] = (),
    *,
    keeps: Keeps,
    hands_over: bool = False,
) -> tuple[StoredItem, ...]:
    """Return what is kept of one round, in its order.

    Args:
        conversation: the finished round.
        outputs: what its calls gave, in the order of the calls; none when they were not run.
        keeps: what is wanted.
        hands_over: whoever asked runs the calls, and sends them back in the history.

    Returns:
        Thinking, calls and outputs. Thinking that led to nothing that a later turn will see is
        not among them: a provider refuses it (FACTS, Reasoning). So the thinking before a call
        is kept with the call, or not at all.
    """
    calls = list(conversation.calls) if keeps.tools or hands_over else []
    if not hands_over:
        given = {output.call_id for output in outputs}
        calls = [each for each in calls if each.call.call_id in given]
    order: list[tuple[int, Item]] = []
    if keeps.reasoning:
        order += [
            (each.output_index, each.reasoning)
            for each in conversation.kept
            if isinstance(each, ReasoningMade)
        ]
    if not order and (hands_over or not calls):
        return ()
    order += [(index, _WORDS) for kind, index, _ in conversation.parts if kind not in _THOUGHTS]
    order += [(each.output_index, each.call) for each in calls]
    # Stable, as in `reply_items`: what shares an index keeps the order thinking, text, call.
    standing = with_consequence([item for _, item in sorted(order, key=lambda pair: pair[0])])
    if hands_over:
        return tuple(item for item in standing if isinstance(item, Reasoning))
    kept: list[StoredItem] = [i for i in standing if isinstance(i, Reasoning | ToolCall)]
    called = {each.call.call_id for each in calls}
    kept += [output for output in outputs if output.call_id in called]
    return tuple(kept)


def artifacts_of(
    items: Sequence[StoredItem],
    ids: Sequence[str],
    *,
    chat_id: str,
    message_id: str,
    model_id: str,
) -> tuple[Artifact, ...]:
    """Give what is kept of a whole answer its ids and its places.

    Args:
        items: of all rounds, in order; see `bounded`.
        ids: one for each.
        chat_id: the chat; never empty (SPEC 154).
        message_id: the answer; never empty either.
        model_id: who answered, by the provider's id.
    """
    assert chat_id, "an artifact belongs to a chat"
    assert message_id, "an artifact belongs to an answer"
    return tuple(
        Artifact(
            id=artifact_id,
            chat_id=chat_id,
            message_id=message_id,
            model_id=model_id,
            item=item,
            place=place,
        )
        for place, (artifact_id, item) in enumerate(zip(ids, items, strict=True))
    )


def bounded(items: Sequence[StoredItem]) -> tuple[StoredItem, ...]:
    """Return the newest, no more than an answer may keep."""
    return tuple(items[-ARTIFACTS_PER_ANSWER_MAX:])
