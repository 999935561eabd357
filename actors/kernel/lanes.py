"""How mail reaches an actor: two lanes, their bounds, and who may look at what passes.

Lanes, in order: signals wait in the system lane, deduplicated; messages wait in the message lane,
bounded by count and bytes. A lane that is held refuses at once; on probation it takes one message
at a time. All of this belongs to the loop's thread and survives the lives of the actor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Any, cast
from weakref import ReferenceType

from pykka.messages import _ActorStop

from actors.kernel.child_spec import ChildSpec
from actors.kernel.dead_letter import Loss
from actors.kernel.envelope import Envelope
from actors.kernel.errors import ActorHeld, ActorStopped, MailboxFull
from actors.kernel.mailbox import MailboxSpec, WhenFull
from actors.kernel.phase import CLOSED, Phase
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Shutdown, Signal
from actors.kernel.timers import ReceiveTimeout

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.system import ActorSystem

current: ContextVar[Cell | None] = ContextVar("greenroom_current_cell", default=None)


class Lanes:
    """See the module docstring. The lower half of a `Cell`, which fills in all of it."""

    __slots__ = (
        "_bytes",
        "_held_until_s",
        "_is_probing",
        "_offers",
        "_paused",
        "_probe_taken",
        "_ref",
        "_resumed",
        "generation",
        "in_hand",
        "is_scheduled",
        "is_sealed",
        "mailbox",
        "name",
        "number",
        "phase",
        "queue",
        "receive_timeout",
        "signals",
        "spec",
        "system",
    )

    system: ActorSystem
    spec: ChildSpec[Any]
    number: int
    name: str
    mailbox: MailboxSpec
    queue: deque[Envelope]
    signals: deque[Signal] | None
    phase: Phase
    # Changes whenever a life begins, ends or is given up: what is left of it sees that.
    generation: int
    in_hand: Envelope | None
    is_scheduled: bool
    is_sealed: bool
    receive_timeout: ReceiveTimeout | None
    _offers: dict[object, Callable[[], None]] | None
    _bytes: int
    _paused: Envelope | None
    _resumed: Envelope | None
    _ref: ActorRef[Any] | ReferenceType[ActorRef[Any]]
    _held_until_s: float | None
    _is_probing: bool
    _probe_taken: bool

    # --- what outsiders may know -----------------------------------------------------------------

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor's address, one and the same for all who hold it."""
        ref = self._ref
        if isinstance(ref, ActorRef):
            return ref
        held = ref()
        if held is None:
            # Nobody has it any more who could tell a new one from it.
            held = ActorRef(cast("Cell", self))
            self._ref = ReferenceType(held)
        return held

    @property
    def urn(self) -> str:
        """The cell's name as a URN, unique for the life of its system."""
        return f"urn:greenroom:{self.system.name}:{self.number}"

    @property
    def is_closed(self) -> bool:
        """Whether it has ended for good."""
        return self.phase is CLOSED

    @property
    def is_held(self) -> bool:
        """Whether it refuses everything at once, as its restart policy said."""
        return self._held_until_s is not None

    @property
    def queued_bytes(self) -> int:
        """The weight of the message lane, as far as messages know theirs."""
        return self._bytes

    @property
    def is_executing(self) -> bool:
        """Whether a handler is under way, or an injected hang stands for one."""
        return self.in_hand is not None or self._paused is not None

    # --- what a cell adds ------------------------------------------------------------------------

    def wake(self) -> None:
        """Plan a turn, unless one is planned, running, or waiting for a handler."""
        raise NotImplementedError

    def _judge(self, envelope: Envelope) -> bool:
        """Queue an envelope as the interceptors say."""
        raise NotImplementedError

    def _delay(self, signal: Signal) -> bool:
        """Queue a signal later, if an interceptor says so. False: now."""
        raise NotImplementedError

    # --- the message lane ------------------------------------------------------------------------

    def post(self, message: object) -> bool:
        """Queue a tell from any thread; from a foreign one the answer is always True."""
        system = self.system
        if get_ident() != system.thread_id:
            sender = current.get()
            envelope = Envelope(message, None, None, sender)
            if system.call_soon_threadsafe(lambda: self.accept(envelope)):
                return True
            self.lost(Loss.UNDELIVERABLE, message)
            return False
        sender = system.running or current.get()
        if sender is None or sender.in_hand is None:
            envelope = Envelope(message, None, None, sender)
        else:
            envelope = Envelope(message, None, None, sender, sender.in_hand.trace)
        hooks = system.hooks
        return self.accept(envelope) if hooks.sending or hooks.sent else self._enqueue(envelope)

    def accept(self, envelope: Envelope) -> bool:
        """Queue an envelope, or say no; what is refused is counted and its asker told."""
        hooks = self.system.hooks
        taken = self._judge(envelope) if hooks.sending else self._enqueue(envelope)
        for sent in hooks.sent:
            # What the upper half of a cell adds is a cell.
            sent(cast("Cell", self), envelope, taken)
        return taken

    def accept_internal(self, envelope: Envelope) -> None:
        """Queue what the actor owes itself (a pipe's result); exempt from the bound."""
        if self.is_sealed:
            self.refuse(Loss.CLOSED, envelope)
            return
        self.queue.append(envelope)
        if self.mailbox.bytes_max is not None:
            envelope.weight = _weight(envelope)
            self._bytes += envelope.weight
        self.wake()

    def requeue(self, envelopes: list[Envelope]) -> None:
        """Put envelopes before the mail that waits, first one first."""
        self.queue.extendleft(reversed(envelopes))
        if self.mailbox.bytes_max is not None:
            for envelope in envelopes:
                envelope.weight = _weight(envelope)
                self._bytes += envelope.weight

    def _enqueue(self, envelope: Envelope) -> bool:
        if self.is_sealed:
            return self.refuse(Loss.CLOSED, envelope)
        if type(envelope.message) is _ActorStop:
            # Pykka's stop is mail: what came before it is handled, nothing comes after it.
            self.is_sealed = True
            self.queue.append(envelope)
            self.wake()
            return True
        if self._held_until_s is not None or self._is_probing:
            if self._held_until_s is not None or self._probe_taken:
                return self.refuse(Loss.HELD, envelope)
            self._probe_taken = True
        spec = self.mailbox
        queue = self.queue
        if spec.coalesce is not None and self._coalesced(envelope, spec.coalesce):
            return True
        if spec.bytes_max is not None:
            weight = envelope.weight = _weight(envelope)
            while queue and self._bytes + weight > spec.bytes_max:
                if not self._make_room(envelope):
                    return False
            self._bytes += weight
        if len(queue) >= spec.messages_max and not self._make_room(envelope):
            self._bytes -= envelope.weight
            return False
        queue.append(envelope)
        if not self.is_scheduled:
            self.wake()
        return True

    def _make_room(self, envelope: Envelope) -> bool:
        """Apply the overflow policy. True: append the envelope."""
        when_full = self.mailbox.when_full
        if when_full is WhenFull.DROP_OLDEST and self.queue:
            self.refuse(Loss.DROPPED, self._pop())
            return True
        self.refuse(Loss.DROPPED if when_full is WhenFull.DROP_NEWEST else Loss.FULL, envelope)
        return False

    def _coalesced(self, envelope: Envelope, key_of: Callable[[object], Hashable | None]) -> bool:
        key = key_of(envelope.message)
        if key is None:
            return False
        for place, queued in enumerate(self.queue):
            if key_of(queued.message) == key:
                if (bytes_max := self.mailbox.bytes_max) is not None:
                    envelope.weight = _weight(envelope)
                    total = self._bytes + envelope.weight - queued.weight
                    if total > bytes_max and len(self.queue) > 1:
                        return False  # Too heavy for that place: the overflow policy decides.
                    self._bytes = total
                self.queue[place] = envelope
                self.refuse(Loss.DROPPED, queued)
                return True
        return False

    def _pop(self) -> Envelope:
        envelope = self.queue.popleft()
        self._bytes -= envelope.weight
        if self.receive_timeout is not None:
            self.receive_timeout.has_mail = True
        if self._offers:
            self._call_next_offer()
        return envelope

    def lost(self, loss: Loss, message: object) -> None:
        """Count a message that never got into the mailbox; from any thread."""
        letters, name = self.system.dead_letters, self.name
        self.system.on_loop(lambda: letters.record(loss, name, message))

    def refuse(self, loss: Loss, envelope: Envelope) -> bool:
        """Count an envelope that will not be handled and tell its asker. Always False."""
        message = envelope.message
        if type(message) is _ActorStop:
            return False
        self.system.dead_letters.record(loss, self.name, message)
        if envelope.reply_to is not None:
            envelope.reply_to.resolve(None, self._error_for(loss))
        return False

    def _error_for(self, loss: Loss) -> Exception:
        match loss:
            case Loss.CLOSED:
                return ActorStopped(f"{self.ref} has stopped")
            case Loss.HELD:
                until_s = self._held_until_s
                wait_s = 0.0 if until_s is None else until_s - self.system.clock.now_s()
                return ActorHeld(max(0.0, wait_s))
            case _:
                return MailboxFull(f"the mailbox of {self.name} is full")

    async def offer_later(self, message: object, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds for room, then queue the message. See `ref.offer`."""
        deadline_s = self.system.clock.now_s() + timeout_s
        offers = self._offers = self._offers if self._offers is not None else {}
        place = object()
        try:
            while not self.is_sealed and not self._has_room(message):
                in_time = await self.system.wait_until(
                    deadline_s, lambda wake: offers.__setitem__(place, wake)
                )
                if not in_time:
                    self.system.dead_letters.record(Loss.FULL, self.name, message)
                    return False
            return self.ref.offer(message)
        finally:
            # Whoever was called and did not use the room, or not all of it, calls the next one.
            offers.pop(place, None)
            if self._has_room(None):
                self._call_next_offer()

    def _call_next_offer(self) -> None:
        """Wake the offer that has waited longest."""
        if self._offers:
            self._offers.pop(next(iter(self._offers)))()

    def _has_room(self, message: object) -> bool:
        spec = self.mailbox
        if not self.queue:
            return True
        if len(self.queue) >= spec.messages_max:
            return False
        weight = int(getattr(message, "size_bytes", 0))
        return spec.bytes_max is None or self._bytes + weight <= spec.bytes_max

    # --- the system lane -------------------------------------------------------------------------

    def signal(self, signal: Signal, *, was_delayed: bool = False) -> None:
        """Queue a signal: before all messages, never refused by a live cell."""
        if self.phase is CLOSED:
            return
        if self.system.hooks.signalling and not was_delayed and self._delay(signal):
            return
        signals = self.signals
        if signals is None:
            signals = self.signals = deque()
        elif type(signal) is Shutdown and any(type(s) is Shutdown for s in signals):
            return
        signals.append(signal)
        if not self.is_scheduled:
            self.wake()

    # --- holding ---------------------------------------------------------------------------------

    def hold(self, until_s: float) -> None:
        """Refuse everything at once until `until_s`; what is queued is refused too.

        A cell that waits stays so; one that runs keeps its state and its handler in hand.
        """
        self._held_until_s = until_s
        self._is_probing = False
        stops = [envelope for envelope in self.queue if type(envelope.message) is _ActorStop]
        while self.queue:
            self.refuse(Loss.HELD, self._pop())
        self.queue.extend(stops)

    def begin_probing(self) -> None:
        """The hold of a running cell is over: take one message at a time until `end_probing`."""
        self._held_until_s = None
        self._is_probing, self._probe_taken = True, False

    def end_probing(self) -> None:
        """The breaker is closed again: take mail as usual."""
        self._is_probing = self._probe_taken = False

    # --- Pykka's inbox protocol ------------------------------------------------------------------

    def put(self, envelope: Any) -> None:
        """Queue a Pykka envelope (what Pykka's own code does with `actor_inbox`)."""
        self.post(envelope.message)

    def empty(self) -> bool:
        """Whether no message waits."""
        return not self.queue


def _weight(envelope: Envelope) -> int:
    return int(getattr(envelope.message, "size_bytes", 0))
