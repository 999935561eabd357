"""Answers ready to be played: scripts rendered once, with a mark where the name of a round goes.

Rendering is the dear part of a simulated answer; putting the name in afterwards costs next to
nothing, and makes every word of every answer in a run different.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import Final

from actors.values import WireFormat
from bridge.chaos.faults.answers import MARK, Answer
from bridge.chaos.faults.spelt import GENERATION, MODEL, SPELLINGS
from bridge.standin.faults import Moment, ProviderFault
from bridge.standin.frames import Frame
from bridge.standin.stage import Stage, Step, Write, split_for_fault
from bridge.standin.stream_faults import stream_steps
from bridge.standin.wishes import Wish

AFTER_MAX: Final = 5

# Longer than any patience of the client; the steps of a fault that never ends are cut there.
STEPS_MAX: Final = 20_000
WAIT_MS: Final = 4_000.0


def reel(
    answer: Answer,
    fault: ProviderFault | None,
    *,
    wire: WireFormat,
    after: int,
    name: str,
    is_joined: bool,
) -> tuple[Step, ...]:
    """Return the steps of a body, without its head.

    Args:
        answer: what is told.
        fault: how it is disturbed, or None.
        wire: in whose spelling.
        after: visible deltas before a fault that strikes late.
        name: stands in every word.
        is_joined: let writes with nothing between them arrive as one.
    """
    late = fault is not None and fault.moment is Moment.AFTER_OUTPUT
    steps = _rendered(answer, wire, fault, after if late else None)
    mark, named = MARK.encode(), name.encode()
    steps = tuple(
        Write(data=step.data.replace(mark, named)) if isinstance(step, Write) else step
        for step in steps
    )
    return _joined(steps) if is_joined else steps


@lru_cache(maxsize=500)
def _frames(answer: Answer, wire: WireFormat) -> tuple[Frame, ...]:
    return SPELLINGS[wire].frames(answer)


@lru_cache(maxsize=4_000)
def _rendered(
    answer: Answer, wire: WireFormat, fault: ProviderFault | None, after: int | None
) -> tuple[Step, ...]:
    wish = Wish(fault=fault, after=after, wait_ms=WAIT_MS)
    before, rest = split_for_fault(_frames(answer, wire), wish.outputs_before_fault)
    stage = Stage(
        before=before,
        rest=rest,
        wish=wish,
        endpoint=SPELLINGS[wire].endpoint,
        response_id=GENERATION,
        model=MODEL,
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
