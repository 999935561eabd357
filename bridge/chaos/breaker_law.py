"""What a gate may do with a key, said once more and independently of the code that does it. Pure.

closed      everything is let in; the n-th failure inside the window opens
open        nothing is let in before the hold is over
half-open   one probe is let in; its success closes, its failure opens again

What another worker's gate counts goes by the same rules; of two probes the one that ends first
decides, and later news of what was before the last failure here says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from bridge.chaos.gate_events import (
    BreakerTerms,
    GateBorn,
    GateEvent,
    HeardElsewhere,
    HeardEnd,
    HeardStart,
    LetIn,
    Recounted,
    Verdict,
    kind_of,
)
from supervisor.cluster import KeyNews, Turn


@dataclass(slots=True)
class _Key:
    """One breaker as the law sees it; closed while `open_until_s` is -inf."""

    failures_s: list[float] = field(default_factory=list)
    open_until_s: float = -inf
    opened_s: float = -inf
    probe: str = ""

    @property
    def latest_s(self) -> float:
        """When the last failure was that it comes from."""
        return max(self.opened_s, self.failures_s[-1] if self.failures_s else -inf)

    def close(self) -> None:
        """Forget everything."""
        self.failures_s, self.open_until_s, self.opened_s, self.probe = [], -inf, -inf, ""


class BreakerLaw:
    """Follows one gate's events and says where it broke the law.

    `broken` says what happened, in sentences; `states` counts the changes of state.

    Args:
        terms: by the kind of key.
    """

    def __init__(self, terms: Mapping[str, BreakerTerms]) -> None:
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
                case HeardElsewhere(news=news, at_s=at_s):
                    self._heard_elsewhere(news, at_s)
                case _:
                    pass  # Who waits is no matter of breakers.

    def _forget(self) -> None:
        self._keys: dict[str, _Key] = {}
        # Visit -> its keys: asked for, and running.
        self._starting: dict[str, tuple[str, ...]] = {}
        self._running: dict[str, tuple[str, ...]] = {}
        # Ends that were heard of before their start.
        self._early: dict[str, HeardEnd] = {}

    def _let_in(self, event: LetIn) -> None:
        self._starting[event.visit] = event.keys
        for name in event.keys:
            self._let_in_by(name, event)

    def _let_in_by(self, name: str, event: LetIn) -> None:
        key = self._keys.setdefault(name, _Key())
        if key.open_until_s == -inf:
            return
        if event.at_s < key.open_until_s:
            left_s = key.open_until_s - event.at_s
            self.broken.append(f"{event.visit} was let in {left_s:.3f} s before {name} may")
        elif key.probe:
            self.broken.append(f"{event.visit} was let in beside {key.probe}, the probe of {name}")
        else:
            key.probe = event.visit
            self.states[f"breaker half-open: {kind_of(name)}"] += 1

    def _heard_start(self, visit: str) -> None:
        keys = self._starting.pop(visit, None)
        if keys is not None:
            self._running[visit] = keys
            if (early := self._early.pop(visit, None)) is not None:
                self._heard_end(early)

    def _heard_end(self, event: HeardEnd) -> None:
        if event.visit in self._starting and event.is_telling:
            self._early[event.visit] = event
            return
        names = self._running.pop(event.visit, None) or self._starting.pop(event.visit, ())
        for name in names:
            self._judge(name, event)

    def _recounted(self) -> None:
        """Whatever was asked for and has not begun is lost, and says nothing about its keys."""
        for visit in tuple(self._starting):
            self._heard_end(HeardEnd(at_s=0.0, visit=visit))

    def _judge(self, name: str, event: HeardEnd) -> None:
        key, verdict = self._keys.setdefault(name, _Key()), event.verdict(name)
        if key.open_until_s == -inf:
            if verdict is Verdict.FAILURE:
                self._count_failure(name, key, event.at_s, event.floor_s)
        elif event.visit == key.probe:
            key.probe = ""
            if verdict is Verdict.SUCCESS:
                key.close()
                self.states[f"breaker closed again: {kind_of(name)}"] += 1
            elif verdict is Verdict.FAILURE:
                self._open(name, key, event.at_s, event.floor_s)

    def _heard_elsewhere(self, news: KeyNews, at_s: float) -> None:
        name = news.key
        key = self._keys.setdefault(name, _Key())
        if news.turn is Turn.RECOVERED:
            if at_s >= key.latest_s:
                key.close()
        elif news.turn is Turn.PROBE_FAILED:
            if at_s >= key.open_until_s:
                key.probe = ""
                self._open(name, key, at_s, news.floor_s)
        elif key.open_until_s == -inf:
            self._count_failure(name, key, max(at_s, key.latest_s), news.floor_s)

    def _count_failure(self, name: str, key: _Key, now_s: float, floor_s: float) -> None:
        terms = self._terms[kind_of(name)]
        recent_s = [at_s for at_s in key.failures_s if now_s - at_s <= terms.window_s]
        key.failures_s = [*recent_s, now_s]
        if len(key.failures_s) >= terms.failures_max:
            self._open(name, key, now_s, floor_s)

    def _open(self, name: str, key: _Key, now_s: float, floor_s: float) -> None:
        terms = self._terms[kind_of(name)]
        hold_s = max(terms.hold_s, min(floor_s, terms.floor_max_s))
        key.opened_s, key.open_until_s = now_s, now_s + hold_s
        self.states[f"breaker opened: {kind_of(name)}"] += 1
