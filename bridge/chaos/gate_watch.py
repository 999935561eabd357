"""Watches a gate from inside, because the order in which it hears of ends decides what it may do.

Ends reach it as signals, which pass no interceptor; so the gate that runs is a class made from
the one under test, which writes down each message before it is acted on.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.kernel.child_spec import Children, StartedChild, StartRefused
from actors.kernel.signals import Crashed, ExitReason, Normal, Terminated
from bridge.chaos.trace import GateBorn, HeardEnd, HeardStart, Recounted, Verdict
from bridge.chaos.watching import Ledger
from supervisor.gate import Admit, GateActor, GateMessage, KeyPolicy
from supervisor.kept import floor_of


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
        case Terminated(ref=ref) if not ref.cell.spec.labels:
            ledger.gate.append(Recounted())
        case Terminated(ref=ref, reason=reason):
            visit = ref.cell.spec.labels[0]
            ledger.gate.append(_heard_end(visit, reason, ledger.policies[visit], now_s()))
        case Children():
            ledger.gate.append(Recounted())
        case _:
            pass


def _heard_end(visit: str, reason: ExitReason, key: KeyPolicy, at_s: float) -> HeardEnd:
    verdict = Verdict.NEITHER
    if isinstance(reason, Normal):
        verdict = Verdict.SUCCESS
    elif isinstance(reason, Crashed) and key.policy.is_counted(reason.error):
        verdict = Verdict.FAILURE
    return HeardEnd(at_s=at_s, visit=visit, verdict=verdict, floor_s=floor_of(reason) or 0.0)
