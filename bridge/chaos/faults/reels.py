"""Answers ready to be played: scripts rendered once, with a mark where the visit's id goes.

Rendering is the dear part of a simulated answer; putting the id in afterwards costs next to
nothing, and makes every word of every answer in a run different.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Final

from bridge.standin.faults import Moment, ProviderFault
from bridge.standin.frames import Billing, Endpoint
from bridge.standin.responses_wire import render_responses
from bridge.standin.script_values import Beat, Close, Finish, Piece, Script, Telling, Voice
from bridge.standin.stage import Stage, Step, Write, split_for_fault
from bridge.standin.stream_faults import stream_steps
from bridge.standin.wishes import Wish

# One byte, so that no cut tears it.
MARK: Final = "@"
WORDS: Final = (4, 1, 9, 25)
AFTER_MAX: Final = 5

# Longer than any patience of the client; the steps of a fault that never ends are cut there.
STEPS_MAX: Final = 20_000
WAIT_MS: Final = 4_000.0

_BILLING: Final = Billing(input_tokens=8, output_tokens=8, reasoning_tokens=0)


class Shape(Enum):
    """How an answer is told."""

    PLAIN = "plain"
    THINKING = "thinking"
    OVERLAPPING = "overlapping"
    REFUSAL = "refusal"
    STATED = "stated"
    TERMINAL = "terminal"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a visit is going to hear, whatever becomes of the attempts."""

    shape: Shape
    words: int

    def told(self, visit: str) -> tuple[str, str]:
        """Return the whole content and the whole reasoning."""
        script = _script(self)
        content = script.said(Voice.TEXT) + script.said(Voice.REFUSAL)
        return content.replace(MARK, visit), script.said(Voice.THINKING).replace(MARK, visit)


def reel(
    answer: Answer, fault: ProviderFault | None, *, after: int, visit: str, is_joined: bool
) -> tuple[Step, ...]:
    """Return the steps of a body, without its head.

    Args:
        answer: what is told.
        fault: how it is disturbed, or None.
        after: visible deltas before a fault that strikes late.
        visit: stands in every word.
        is_joined: let writes with nothing between them arrive as one.
    """
    late = fault is not None and fault.moment is Moment.AFTER_OUTPUT
    steps = _rendered(answer, fault, after if late else None)
    mark, name = MARK.encode(), visit.encode()
    steps = tuple(
        Write(data=step.data.replace(mark, name)) if isinstance(step, Write) else step
        for step in steps
    )
    return _joined(steps) if is_joined else steps


@lru_cache(maxsize=2_000)
def _rendered(answer: Answer, fault: ProviderFault | None, after: int | None) -> tuple[Step, ...]:
    frames = render_responses(_script(answer), response_id="gen-sim", model="sim", billing=_BILLING)
    wish = Wish(fault=fault, after=after, wait_ms=WAIT_MS)
    before, rest = split_for_fault(frames, wish.outputs_before_fault)
    stage = Stage(
        before=before,
        rest=rest,
        wish=wish,
        endpoint=Endpoint.RESPONSES,
        response_id="gen-sim",
        model="sim",
        content_type="text/event-stream",
        takes_chunks=False,
        keeps_alive=True,
    )
    head, *body = islice(stream_steps(stage), STEPS_MAX)
    assert isinstance(head, Write), "a body follows its head"
    return tuple(body)


def _joined(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    joined: list[Step] = []
    for step in steps:
        last = joined[-1] if joined else None
        if isinstance(step, Write) and isinstance(last, Write):
            joined[-1] = Write(data=last.data + step.data)
        else:
            joined.append(step)
    return tuple(joined)


@lru_cache(maxsize=100)
def _script(answer: Answer) -> Script:
    is_incomplete = answer.shape is Shape.INCOMPLETE
    telling = {Shape.STATED: Telling.BY_STATEMENTS, Shape.TERMINAL: Telling.AT_THE_END}
    return Script(
        name=answer.shape.value,
        shows="",
        beats=_beats(answer),
        finish=Finish.LENGTH if is_incomplete else Finish.STOP,
        telling=telling.get(answer.shape, Telling.BY_DELTAS),
    )


def _beats(answer: Answer) -> tuple[Beat, ...]:
    text = _pieces(Voice.TEXT, answer.words, item=1)
    thought = _pieces(Voice.THINKING, answer.words, item=0)
    match answer.shape:
        case Shape.THINKING:
            return (*thought, Close(item=0), *text)
        case Shape.OVERLAPPING:
            # Both items stay open, and their words take turns.
            return tuple(piece for pair in zip(thought, text, strict=True) for piece in pair)
        case Shape.REFUSAL:
            return _pieces(Voice.REFUSAL, answer.words, item=0)
        case _:
            return _pieces(Voice.TEXT, answer.words, item=0)


def _pieces(voice: Voice, words: int, *, item: int) -> tuple[Piece, ...]:
    # Numbered, so that a doubled or misplaced word shows; with characters of several bytes, so
    # that they can be torn.
    return tuple(
        Piece(item=item, voice=voice, text=f"{number}.{MARK}.über😀 ") for number in range(words)
    )
