"""Whether what a model thought in this turn comes back as it gave it out. Pure."""

from __future__ import annotations

from functools import reduce

from bridge.standin.call_ids import round_of
from bridge.standin.conversations import Conversation
from bridge.standin.heard import Call, Heard, Thought
from bridge.standin.script_values import Piece, Script, Voice


def keeps_reasoning(conversation: Conversation, heard: Heard) -> bool:
    """Whether each round's reasoning stands unchanged, once, and before the calls it led to."""
    if not conversation.rounds:
        # It calls what is offered, without a thought.
        return True
    expected: list[Thought | int] = []
    for number in range(heard.rounds_over):
        script = conversation.rounds[min(number, len(conversation.rounds) - 1)]
        thought = thought_of(script)
        expected += [] if thought == Thought() else [thought]
        expected += [number] * len(script.call_items)
    return expected == [
        event if isinstance(event, Thought) else round_of(event.call_id)
        for event in heard.events
        if isinstance(event, Thought | Call)
    ]


def thought_of(script: Script) -> Thought:
    """Return what is thought before the calls of an answer."""
    return reduce(Thought.joined, map(_thought_in, script.pieces_told), Thought())


def _thought_in(piece: Piece) -> Thought:
    match piece.voice:
        case Voice.THINKING:
            return Thought(text=piece.text)
        case Voice.SUMMARY:
            return Thought(summary=piece.text)
        case Voice.SEALED:
            return Thought(sealed=piece.text)
        case Voice.SIGNATURE:
            return Thought(signature=piece.text)
        case _:
            return Thought()
