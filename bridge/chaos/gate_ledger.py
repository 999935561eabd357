"""Keeps the books of all gates of one tree: who asks, who is let in, who is told what.

What gates hear is written down by the gates that are watched (`gate_watch`); what others say to
them, and they to others, passes an interceptor and is written down here.
"""

from __future__ import annotations

from actors.kernel.cell import Cell
from actors.kernel.child_spec import StartChild
from actors.kernel.envelope import Envelope
from actors.kernel.interceptor import Interceptor, SendVerdict
from actors.kernel.permit import Claim, Granted, Refused
from actors.kernel.signals import Poisoned, Signal
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
        storage: of the gate for storage.
    """

    def __init__(self, trace: Trace) -> None:
        self.admissions = AdmissionBook()
        self.permits = ClaimBook()
        self.storage = ClaimBook()
        self._fired = trace.fired
        # Who was answered while its claim was handled, so that it never waited.
        self._told: set[str] = set()
        trace.gates += [self.admissions.events, self.permits.events, self.storage.events]

    def book(self, gate: str) -> GateBook:
        """Return the book of a gate, by its name."""
        name = gate.rpartition("/")[2]
        return {"tools": self.permits, "permits": self.storage}.get(name, self.admissions)

    def is_of_tool(self, name: str) -> bool:
        """Say whether an actor of this name ever claimed for a tool."""
        return name in self.permits.asked_s

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
                self._asks(self._claims_of(cell), holder.cell)
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

    def receiving(self, cell: Cell, envelope: Envelope) -> float:
        """See `Interceptor.receiving`."""
        if isinstance(envelope.message, Claim):
            self._told.discard(envelope.message.holder.cell.name)
        return 0.0

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
                name, book = holder.cell.name, self._claims_of(cell)
                book.asked_s[name] = now_s
                if name not in self._told:
                    book.events.append(Asked(at_s=now_s, visit=name, user=user))
            case _:
                pass

    def _claims_of(self, gate: Cell) -> ClaimBook:
        return self.storage if role_of(gate) is Role.PERMITS else self.permits

    def _asks(self, book: ClaimBook, holder: Cell) -> None:
        """Somebody claims, perhaps once more: then it waits for nothing that it said before."""
        _answered(book, holder)
        if holder.name not in book.asked_s:
            book.asked_s[holder.name] = holder.system.clock.now_s()
            # Who has ended waits no longer, told or not.
            holder.on_closed(lambda: _answered(book, holder))

    def life_ended(self, ended: LifeEnded) -> None:
        """Hear that a life has ended: if there is another one, it asks for itself."""
        for book in (self.permits, self.storage):
            if ended.name in book.asked_s:
                book.events.append(Answered(at_s=ended.at_s, visit=ended.name))

    def signalling(self, cell: Cell, signal: Signal) -> float:
        """See `Interceptor.signalling`; a gate answers a claim."""
        if isinstance(signal, Granted | Refused):
            is_keeping = role_of(cell) is Role.KEEPING
            book, what = (self.storage, "storage") if is_keeping else (self.permits, "tools")
            _answered(book, cell)
            self._told.add(cell.name)
            now_s = cell.system.clock.now_s()
            kind = "granted" if isinstance(signal, Granted) else f"refused: {signal.why.value}"
            waited = " after a wait" if now_s > book.asked_s.get(cell.name, now_s) else ""
            self._fired[f"{what} {kind}{waited}"] += 1
        elif isinstance(signal, Poisoned) and role_of(cell) is Role.KEEPING:
            # It goes on without a permit.
            self._fired["storage poisoned"] += 1
            _answered(self.storage, cell)
        return 0.0


def _answered(book: ClaimBook, holder: Cell) -> None:
    now_s = holder.system.clock.now_s()
    book.events.append(Answered(at_s=now_s, visit=holder.name))


def _runs(holder: Cell, call_id: str) -> bool:
    call = call_of(holder.spec)
    return call is not None and call.call_id == call_id
