"""What a gate may do with a key, said once more and independently of the code that does it. Pure.

closed      everything is let in; the n-th failure inside the window opens
open        nothing is let in before the hold is over
half-open   one probe is let in; its success closes, its failure opens again
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from bridge.chaos.trace import (
    BreakerTerms,
    GateBorn,
    GateEvent,
    HeardEnd,
    HeardStart,
    LetIn,
    Recounted,
    Verdict,
)


@dataclass(slots=True)
class _Key:
    """One user's breaker as the law sees it; closed while `opens_until_s` is -inf."""

    failures_s: list[float] = field(default_factory=list)
    open_until_s: float = -inf
    probe: str = ""


class BreakerLaw:
    """Follows one gate's events and says where it broke the law.

    `broken` says what happened, in sentences; `states` counts the changes of state.
    """

    def __init__(self, terms: BreakerTerms) -> None:
        self.broken: list[str] = []
        self.states: Counter[str] = Counter()
        self._terms = terms
        self._forget()

    def follow(self, events: Iterable[GateEvent]) -> None:
        """Take a gate's events in, in their order."""
        for event in events:
            match event:
                case GateBorn():
                    self._forget()
                case LetIn():
                    self._let_in(event)
                case HeardStart(visit=visit):
                    self._heard_start(visit)
                case HeardEnd():
                    self._heard_end(event)
                case Recounted():
                    self._recounted()

    def _forget(self) -> None:
        self._keys: dict[str, _Key] = {}
        # Visit -> its key: asked for, and running.
        self._starting: dict[str, str] = {}
        self._running: dict[str, str] = {}
        # Ends that were heard of before their start.
        self._early: dict[str, HeardEnd] = {}

    def _let_in(self, event: LetIn) -> None:
        self._starting[event.visit] = event.key
        key = self._keys.setdefault(event.key, _Key())
        if key.open_until_s == -inf:
            return
        if event.at_s < key.open_until_s:
            left_s = key.open_until_s - event.at_s
            self.broken.append(f"{event.visit} was let in {left_s:.3f} s before {event.key} may")
        elif key.probe:
            self.broken.append(f"{event.visit} was let in beside {key.probe}, the probe")
        else:
            key.probe = event.visit
            self.states["breaker half-open"] += 1

    def _heard_start(self, visit: str) -> None:
        key = self._starting.pop(visit, None)
        if key is not None:
            self._running[visit] = key
            if (early := self._early.pop(visit, None)) is not None:
                self._heard_end(early)

    def _heard_end(self, event: HeardEnd) -> None:
        if event.visit in self._starting and event.verdict is not Verdict.NEITHER:
            self._early[event.visit] = event
            return
        name = self._running.pop(event.visit, None) or self._starting.pop(event.visit, None)
        if name is not None:
            self._judge(self._keys.setdefault(name, _Key()), event)

    def _recounted(self) -> None:
        """Whatever was asked for and has not begun is lost, and says nothing about its key."""
        for visit in tuple(self._starting):
            self._heard_end(HeardEnd(at_s=0.0, visit=visit, verdict=Verdict.NEITHER))

    def _judge(self, key: _Key, event: HeardEnd) -> None:
        if key.open_until_s == -inf:
            if event.verdict is Verdict.FAILURE:
                self._count_failure(key, event)
        elif event.visit == key.probe:
            key.probe = ""
            if event.verdict is Verdict.SUCCESS:
                key.failures_s, key.open_until_s = [], -inf
                self.states["breaker closed again"] += 1
            elif event.verdict is Verdict.FAILURE:
                self._open(key, event)

    def _count_failure(self, key: _Key, event: HeardEnd) -> None:
        recent_s = [at_s for at_s in key.failures_s if event.at_s - at_s <= self._terms.window_s]
        key.failures_s = [*recent_s, event.at_s]
        if len(key.failures_s) >= self._terms.failures_max:
            self._open(key, event)

    def _open(self, key: _Key, event: HeardEnd) -> None:
        hold_s = max(self._terms.hold_s, min(event.floor_s, self._terms.floor_max_s))
        key.open_until_s = event.at_s + hold_s
        self.states["breaker opened"] += 1
