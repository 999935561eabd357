"""A chat's turn from before the run: what an earlier process kept of it, and its answer's marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from actors.artifact_ids import chance_bytes, new_ids
from actors.artifacts import Artifact, StoredItem
from actors.keeping import artifacts_of
from actors.kernel.entropy import SeededEntropy
from actors.values import Item, Mark, Reasoning, Role, TextPart, ToolOutput, Turn, WireFormat
from actors.values import ToolCall as Call
from bridge.chaos.faults.answers import Answer as Script
from bridge.chaos.faults.answers import Part, Shape, Wants, round_name
from bridge.chaos.trace import Expected, Kind, Visit

# Seconds before the run.
AGE_S: Final = 3_600.0

PART: Final = Part(
    answers=(
        Script(shape=Shape.THINKING, words=1, wants=Wants.ALIKE),
        Script(shape=Shape.THINKING, words=1),
    )
)


def old_turn(name: str, user: str, chat: str, wall_s: float) -> tuple[Visit, tuple[Artifact, ...]]:
    """Return an answer of long ago, and the rows that are there of it.

    Args:
        name: what its user said.
        user: who that was.
        chat: where.
        wall_s: seconds since 1970 at the start of the run.
    """
    items = tuple(_items(name))
    token = SeededEntropy(f"past/{chat}").token(chance_bytes(len(items)))
    ids = new_ids(len(items), wall_s=wall_s - AGE_S, token=token)
    rows = artifacts_of(items, ids, chat_id=chat, message_id=f"m-{name}", model_id="sim")
    content, reasoning = PART.answer(2).told(round_name(name, 2))
    turn = Visit(
        id=name,
        user=user,
        chat=chat,
        expected=Expected(content=content, reasoning=reasoning, rounds=2),
        credit=1,
        parallel_max=1,
        asked_s=-AGE_S,
        pieces=[(Kind.CONTENT, content)],
        marks=list(ids),
        is_over=True,
    )
    return turn, rows


def _items(name: str) -> Iterator[StoredItem]:
    calls = PART.answer(1).calls(round_name(name, 1))
    yield _thought(name, 1)
    for call in calls:
        yield Call(call_id=call.call_id, name=call.name, arguments=call.sent_back)
    for call in calls:
        yield ToolOutput(call_id=call.call_id, output="what it gave long ago")
    yield _thought(name, 2)


def _thought(name: str, number: int) -> Reasoning:
    json = f'{{"type":"reasoning","id":"rs_{name}_{number}","summary":[],"encrypted_content":"x"}}'
    return Reasoning(wire=WireFormat.RESPONSES, json=json)


def told(turns: Sequence[Visit]) -> Iterator[Item]:
    """Tell earlier turns as a history does: marks stand before the words that they end."""
    for turn in turns:
        yield Turn(role=Role.USER, parts=(TextPart(text=turn.id),))
        yield from (Mark(artifact_id=each) for each in turn.marks)
        if said := turn.said(Kind.CONTENT):
            yield Turn(role=Role.ASSISTANT, parts=(TextPart(text=said),))
