"""Watches a gate from inside, because the order in which it hears of ends decides what it may do.

Ends reach it as signals, which pass no interceptor; so the gate that runs is a class made from
the one under test, which writes down each message before it is acted on. A gate that is for claims
gets a list of its own, where the visits are the holders; who holds is counted here once more, for
it must outlive the gate's crashes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from actors.kernel.child_spec import Children, RestartPolicy, StartedChild, StartRefused
from actors.kernel.permit import Claim, KeyPolicy
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, ExitReason, Normal, Terminated
from bridge.chaos.trace import (
    GateBorn,
    GateEvent,
    HeardEnd,
    HeardStart,
    LetIn,
    Recounted,
    Verdict,
)
from bridge.chaos.watching import Ledger
from supervisor.dynamic import DynamicSupervisor
from supervisor.gate import Admit, GateActor, GateMessage, Work
from supervisor.kept import floor_of

# Of work without a key: what counts no error never opens.
_NO_KEY: Final = KeyPolicy(key="", policy=RestartPolicy(counts=()))


def watched(
    gate: type[GateActor], ledger: Ledger, at_start: Callable[[int], None]
) -> type[GateActor]:
    """Return a gate that writes down what it hears, before it acts on it.

    `at_start` is called with the number of each life as it begins, and may raise.
    """

    class WatchedGate(gate):  # type: ignore[valid-type, misc]  # which gate is only known here
        """A gate under observation."""

        def on_start(self) -> object:
            at_start(self.life)
            ledger.gate.append(GateBorn(at_s=self.system.clock.now_s()))
            return super().on_start()

        def receive(self, message: GateMessage) -> object:
            _note_heard(ledger, message, self.system.clock.now_s)
            return super().receive(message)

    return WatchedGate


def _note_heard(ledger: Ledger, message: GateMessage, now_s: Callable[[], float]) -> None:
    match message:
        case Admit(running_max=running_max):
            ledger.running_max = running_max
        case StartedChild(ref=ref):
            ledger.gate.append(HeardStart(visit=ref.cell.spec.labels[0]))
        case StartRefused(token=token):
            ledger.gate.append(
                HeardEnd(at_s=now_s(), visit=ledger.tokens[token], verdict=Verdict.NEITHER)
            )
        case Terminated(ref=ref) if issubclass(ref.cell.actor_class, DynamicSupervisor):
            ledger.gate.append(Recounted())
        case Terminated(ref=ref, reason=reason):
            visit = ref.cell.spec.labels[0]
            ledger.gate.append(_heard_end(visit, reason, ledger.policies[visit], now_s()))
        case Children():
            ledger.gate.append(Recounted())
        case _:
            pass


@dataclass
class _ClaimBook:
    """Who holds a permit, counted beside the gate: this outlives its crashes."""

    events: list[GateEvent]
    holding: dict[ActorRef[Any], KeyPolicy] = field(default_factory=dict)
    running_max: int = 0

    def heard(self, message: GateMessage, now_s: float) -> None:
        """Write down a message before the gate acts on it."""
        if isinstance(message, Claim):
            self.running_max = message.running_max
        elif isinstance(message, Terminated) and message.ref in self.holding:
            visit, key = message.ref.cell.name, self.holding.pop(message.ref)
            self.events.append(_heard_end(visit, message.reason, key, now_s))

    def let_in(self, claim: Claim, now_s: float) -> None:
        """Write down a permit."""
        key = claim.keys[0] if claim.keys else _NO_KEY
        self.holding[claim.holder] = key
        visit = claim.holder.cell.name
        entered = LetIn(
            at_s=now_s,
            visit=visit,
            key=key.key,
            running=sum(ref.is_alive() for ref in self.holding),
            running_max=self.running_max,
        )
        self.events += (entered, HeardStart(visit=visit))


def watched_claims(gate: type[GateActor], events: list[GateEvent]) -> type[GateActor]:
    """Return a gate for claims that writes down in `events` what it hears and whom it lets in.

    Of several keys of a claim the first one is followed.
    """
    book = _ClaimBook(events)

    class WatchedClaims(gate):  # type: ignore[valid-type, misc]  # which gate is only known here
        """A gate under observation."""

        def on_start(self) -> object:
            events.append(GateBorn(at_s=self.system.clock.now_s()))
            return super().on_start()

        def receive(self, message: GateMessage) -> object:
            book.heard(message, self.system.clock.now_s())
            return super().receive(message)

        def let_in(self, work: Work) -> None:
            if isinstance(work.asked, Claim):
                book.let_in(work.asked, self.system.clock.now_s())
            super().let_in(work)

    return WatchedClaims


def _heard_end(visit: str, reason: ExitReason, key: KeyPolicy, at_s: float) -> HeardEnd:
    verdict = Verdict.NEITHER
    if isinstance(reason, Normal):
        verdict = Verdict.SUCCESS
    elif isinstance(reason, Crashed) and key.policy.is_counted(reason.error):
        verdict = Verdict.FAILURE
    return HeardEnd(at_s=at_s, visit=visit, verdict=verdict, floor_s=floor_of(reason) or 0.0)
