"""Which ready callback runs next: the strategies of `Choices`, put to work on a loop's queue."""

from __future__ import annotations

import random
import weakref
from asyncio import Handle
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from actors.testing.choices import SCHEDULE, Choices, Fifo, Pct, Stream, drawn_from

Picker: TypeAlias = Callable[[int], int]
"""Given how many callbacks are ready (two or more), the index of the one to run."""

STREAK_MAX: Final = 1_000
"""Steps in a row after which a task that never waits has to let the others pass."""


def picker(choices: Choices, ready: deque[Handle]) -> Picker | None:
    """Return what decides the order of `ready`; None stands for asyncio's own order."""
    stream = choices.stream(SCHEDULE)
    match choices.strategy:
        case Fifo():
            return None
        case Pct() as strategy:
            draw = drawn_from(choices.seed, "pct")
            return PctPicker(strategy, ready=ready, stream=stream, draw=draw).pick
        case _:  # Uniform, or a replay: the stream knows.
            return stream.choose


class PctPicker:
    """Runs the ready callback whose owner has the highest priority; see `Pct`.

    The owner is the task or actor that a callback belongs to. Its index is recorded like any
    other answer, so a replay needs no priorities.
    """

    def __init__(
        self, strategy: Pct, *, ready: deque[Handle], stream: Stream, draw: random.Random
    ) -> None:
        self._ready = ready
        self._stream = stream
        self._draw = draw
        changes = range(strategy.depth - 1)
        self._changes_at = {draw.randrange(max(1, strategy.steps_expected)) for _ in changes}
        # By identity, because an owner need not be hashable; an entry dies with its owner, so
        # that the next object at the same address starts afresh, as in any other process.
        self._priorities: dict[int, tuple[weakref.ref[object], float]] = {}
        self._lowest = 0.0
        self._asked = 0
        self._streak = 0
        self._last_priority = 0.0

    def pick(self, count: int) -> int:
        """Return the index to run out of `count` ready callbacks."""
        index, priority = self._highest()
        self._streak = self._streak + 1 if priority == self._last_priority else 0
        if self._asked in self._changes_at or self._streak >= STREAK_MAX:
            self._demote(index)
            index, priority = self._highest()
            self._streak = 0
        self._last_priority = priority
        self._asked += 1
        self._stream.note(index)
        return index

    def _highest(self) -> tuple[int, float]:
        best, best_priority = 0, float("-inf")
        for index, handle in enumerate(self._ready):
            priority = self._priority(_owner(handle))
            if priority > best_priority:  # Ties go to the older: order within a task is kept.
                best, best_priority = index, priority
        return best, best_priority

    def _priority(self, owner: object) -> float:
        entry = self._priorities.get(id(owner))
        if entry is None:
            return self._assign(owner, self._draw.random())
        return entry[1]

    def _demote(self, index: int) -> None:
        self._lowest -= 1
        self._assign(_owner(self._ready[index]), self._lowest)

    def _assign(self, owner: object, priority: float) -> float:
        key = id(owner)
        forget = self._priorities.pop
        reference = weakref.ref(owner, lambda _: forget(key, None))
        self._priorities[key] = (reference, priority)
        return priority


def _owner(handle: Handle) -> object:
    """Return whose callback this is: its task or object, or else the handle itself."""
    callback = getattr(handle, "_callback", None)
    owner = getattr(callback, "__self__", None)
    return handle if owner is None or type(owner).__weakrefoffset__ == 0 else owner
