"""Keeps the books of both gates of one tree: who asks, who is let in, who is told what.

What gates hear is written down by the gates that are watched (`gate_watch`); what others say to
them, and they to others, passes an interceptor and is written down here.
"""

from __future__ import annotations

from actors.kernel.cell import Cell
from actors.kernel.child_spec import StartChild
from actors.kernel.envelope import Envelope
from actors.kernel.interceptor import Interceptor, SendVerdict
from actors.kernel.permit import Claim, Granted, Refused
from actors.kernel.signals import Signal
from actors.kernel.system import LifeEnded
from bridge.chaos.faults.roles import Role, call_of, role_of, visit_of
from bridge.chaos.gate_events import Answered, Asked
from bridge.chaos.gate_watch import AdmissionBook, ClaimBook, GateBook
from bridge.chaos.trace import Trace
from supervisor.gate import Admit


class GateLedger(Interceptor):
    """See the module docstring.

    Attributes:
        admissions: of the gate for chats.
        permits: of the gate for tools.
        tool_actors: names of all actors that ever claimed.
    """

    def __init__(self, trace: Trace) -> None:
        self.admissions = AdmissionBook()
        self.permits = ClaimBook()
        self.tool_actors: set[str] = set()
        self._fired = trace.fired
        self._asked_s: dict[str, float] = {}
        trace.gates += [self.admissions.events, self.permits.events]

    def book(self, is_for_claims: bool) -> GateBook:
        """Return the book of one of the two gates."""
        return self.permits if is_for_claims else self.admissions

    def has_permit(self, visit: str, call_id: str) -> bool:
        """Say whether an actor that runs this call of this visit has a permit."""
        return any(
            visit_of(holder.cell) == visit and _runs(holder.cell, call_id)
            for holder in self.permits.holders
        )

    def sending(self, cell: Cell, envelope: Envelope) -> SendVerdict:
        """See `Interceptor.sending`; lets everything pass."""
        match envelope.message:
            case Admit() as admit:
                self.admissions.asked(admit)
            case Claim(holder=holder):
                self._asks(holder.cell)
            case StartChild(spec=spec, token=token) if role_of(cell) is Role.CHATS:
                queued = sum(isinstance(each.message, StartChild) for each in cell.queue)
                self.admissions.starting(
                    spec.labels[0],
                    token,
                    running=len(cell.children or ()) + queued + 1,
                    now_s=cell.system.clock.now_s(),
                )
            case _:
                pass
        return None

    def received(self, cell: Cell, envelope: Envelope, error: BaseException | None) -> None:
        """See `Interceptor.received`; a gate has taken up what was asked, or crashed on it."""
        now_s = cell.system.clock.now_s()
        match envelope.message:
            case Admit() as admit if envelope.reply_to is not None:
                visit, events = admit.spec.labels[0], self.admissions.events
                events.append(Asked(at_s=now_s, visit=visit, user=admit.fair_key))
                envelope.reply_to.add_done_callback(
                    lambda _: events.append(Answered(at_s=cell.system.clock.now_s(), visit=visit))
                )
            case Claim(holder=holder, fair_key=user) if holder.is_alive():
                name = holder.cell.name
                self._asked_s[name] = now_s
                self.permits.events.append(Asked(at_s=now_s, visit=name, user=user))
            case _:
                pass

    def _asks(self, holder: Cell) -> None:
        """Somebody claims, perhaps once more: then it waits for nothing that it said before."""
        self._answered(holder)
        if holder.name not in self.tool_actors:
            self.tool_actors.add(holder.name)
            # Who has ended waits no longer, told or not.
            holder.on_closed(lambda: self._answered(holder))

    def life_ended(self, ended: LifeEnded) -> None:
        """Hear that a life has ended: if there is another one, it asks for itself."""
        if ended.name in self.tool_actors:
            self.permits.events.append(Answered(at_s=ended.at_s, visit=ended.name))

    def _answered(self, holder: Cell) -> None:
        now_s = holder.system.clock.now_s()
        self.permits.events.append(Answered(at_s=now_s, visit=holder.name))

    def signalling(self, cell: Cell, signal: Signal) -> float:
        """See `Interceptor.signalling`; a gate answers a claim."""
        if isinstance(signal, Granted | Refused):
            self._answered(cell)
            now_s = cell.system.clock.now_s()
            kind = "granted" if isinstance(signal, Granted) else f"refused: {signal.why.value}"
            waited = " after a wait" if now_s > self._asked_s.get(cell.name, now_s) else ""
            self._fired[f"tools {kind}{waited}"] += 1
        return 0.0


def _runs(holder: Cell, call_id: str) -> bool:
    call = call_of(holder.spec)
    return call is not None and call.call_id == call_id
