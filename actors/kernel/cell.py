"""What stays when an actor is restarted: its address, its mail, its watchers.

A cell belongs to the loop's thread; no other thread touches it, so nothing here is locked. The
`behaviour` is the Pykka actor in it and is made anew for every life. Three kinds of cell differ
only in how a handler is run (`executors.py`). Below a cell's lives are its lanes (`lanes.py`)
and its bonds to others (`bonds.py`).
"""

from __future__ import annotations

import functools
from asyncio import CancelledError
from collections import deque
from collections.abc import Callable, Hashable
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

from actors.kernel.bonds import Bonds
from actors.kernel.child_spec import ChildSpec, Directive, Restart
from actors.kernel.dead_letter import Loss
from actors.kernel.envelope import Envelope, SignalEnvelope
from actors.kernel.errors import MessagePoisoned, SpawnFailed
from actors.kernel.interceptor import Delay, Drop, Duplicate, Overtake
from actors.kernel.phase import CLOSED, ENDING, RUNNING, STARTING, WAITING
from actors.kernel.ref import ActorRef
from actors.kernel.signals import (
    KILLED,
    NORMAL,
    STOPPED,
    ChildExited,
    ChildFaltered,
    ChildStarted,
    ChildSucceeded,
    Crashed,
    ExitReason,
    Killed,
    PipeFailed,
    Poisoned,
    Shutdown,
    Signal,
    is_abnormal,
)
from actors.kernel.timers import ReceiveTimeout, TimerFired

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.clock import Timer
    from actors.kernel.system import ActorSystem

# Messages that one turn handles before it lets the rest of the loop run.
TURN_MESSAGES_MAX = 32

# Seconds that a killed handler may ignore its cancellation before it is left behind as a zombie.
KILL_GRACE_S = 1.0

PYKKA_MESSAGES = frozenset({ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop})

# Signals that the runtime may answer for the actor; all others are only heard.
RUNTIME_SIGNALS = frozenset({Shutdown, TimerFired, ReceiveTimeout, PipeFailed})

_PERMANENT, _TRANSIENT, _TEMPORARY = Restart

# The phases in which a life is under way.
ALIVE = (STARTING, RUNNING, ENDING)


class Cell(Bonds):
    """See the module docstring. Made by `ActorSystem.spawn` and by parents, nobody else."""

    __slots__ = (
        "_is_escalating",
        "_kill_at_s",
        "_kill_timer",
        "_pending_exit",
        "_start_timer",
        "behaviour",
        "children",
        "is_ready",
        "keeps_place",
        "life",
        "parent",
        "pipes",
        "restart_wish",
        "started_s",
        "stash",
        "timers",
    )

    def __init__(
        self, system: ActorSystem, spec: ChildSpec[Any], parent: Cell | None, number: int
    ) -> None:
        # All three parts in one go: a call for each would cost as much as the rest.
        self.system = system
        self.spec = spec
        self.number = number
        label = spec.name or str(number)
        self.name = label if parent is None else f"{parent.name}/{label}"
        self._ref = ActorRef(self)
        self.mailbox = spec.mailbox
        self.queue = deque()
        self.signals = None
        self.phase = STARTING
        self.generation = 0
        self.in_hand = None
        self.is_scheduled = False
        self.is_sealed = False
        self.receive_timeout = None
        self._offers = None
        self._bytes = 0
        self._paused = None
        self._resumed = None
        self._held_until_s = None
        self._is_probing = False
        self._probe_taken = False
        start: Any = spec.start
        self.actor_class = start.func if type(start) is functools.partial else start
        self.links = None
        self._watchers = None
        self._closed_callbacks = None
        self._watched = None
        self.parent = parent
        self.restart_wish = spec.restart
        self.behaviour: Actor[Any] | None = None
        self.life = 0
        self.started_s = 0.0
        self.is_ready = False
        # Whether a shutdown is for a restart: then it waits for it, whatever its wish.
        self.keeps_place = False
        self.children: dict[int, Cell] | None = None
        self.timers: dict[Hashable, TimerFired] | None = None
        # In the order they were begun, so that a replay cancels them in the same order.
        self.pipes: dict[Any, None] | None = None
        self.stash: list[Envelope] | None = None
        self._pending_exit: ExitReason | None = None
        self._start_timer: Timer | None = None
        self._kill_timer: Timer | None = None
        self._kill_at_s = inf
        self._is_escalating = False

    # --- interceptors ----------------------------------------------------------------------------

    def _judge(self, envelope: Envelope) -> bool:
        if type(envelope.message) is _ActorStop:
            return self._enqueue(envelope)  # Pykka's stop is an order, not mail to lose.
        for sending in self.system.hooks.sending:
            match sending(self, envelope):
                case Drop():
                    self.refuse(Loss.DROPPED, envelope)
                    return True
                case Delay(after_s=after_s):
                    at_s = self.system.clock.now_s() + after_s
                    self.system.clock.call_at(at_s, lambda: self._enqueue(envelope))
                    return True
                case Duplicate():
                    self._enqueue(Envelope(envelope.message, None, None, envelope.sender))
                case Overtake():
                    taken = self._enqueue(envelope)
                    if taken and self.queue and self.queue[-1] is envelope:
                        self.queue.rotate(1)
                    return taken
        return self._enqueue(envelope)

    def _intercept_receive(self, envelope: Envelope) -> float:
        if self._resumed is envelope:
            self._resumed = None
            return 0.0
        return max(receiving(self, envelope) for receiving in self.system.hooks.receiving)

    def _delay(self, signal: Signal) -> bool:
        for signalling in self.system.hooks.signalling:
            if (delay_s := signalling(self, signal)) > 0:
                at_s = self.system.clock.now_s() + delay_s
                self.system.clock.call_at(at_s, lambda: self.signal(signal, was_delayed=True))
                return True
        return False

    def _intercept_received(self, envelope: Envelope, error: BaseException | None) -> None:
        for received in self.system.hooks.received:
            received(self, envelope, error)

    def _pause(self, envelope: Envelope, pause_s: float) -> None:
        """Hang, as an injected fault: nothing is handled, signals included, until it is over."""
        self._paused = envelope
        if pause_s != inf:
            generation = self.generation
            at_s = self.system.clock.now_s() + pause_s
            self.system.clock.call_at(at_s, lambda: self._unpause(generation))

    def _unpause(self, generation: int) -> None:
        if self._paused is not None and self.generation == generation:
            envelope, self._paused = self._paused, None
            self.requeue([envelope])
            self._resumed = envelope
            self.wake()

    # --- running: what executors override --------------------------------------------------------

    def _begin(self) -> None:
        """Run `on_start` of a new life; then `_has_started`, or `_start_failed`."""
        raise NotImplementedError

    def _cancel_handler(self) -> bool:
        """Ask a handler under way to end. True: it will report back by itself."""
        return False

    def _abandon_handler(self) -> None:
        """Forget a handler that did not end."""

    # --- a life: start ---------------------------------------------------------------------------

    def start_life(self) -> None:
        """Make a behaviour and start it.

        Raises:
            Exception: whatever the constructor (or a synchronous `on_start`) raised.
            SpawnFailed: that was no `Exception`, such as SystemExit, which must not travel on.
        """
        self.life += 1
        self.generation += 1
        self.phase = STARTING
        self.is_ready = False
        self.keeps_place = False
        self._pending_exit = None
        self.started_s = self.system.clock.now_s()
        try:
            self._make_behaviour()
            self._begin()
        except BaseException as error:
            self._let_go()
            if isinstance(error, Exception):
                raise
            if isinstance(error, KeyboardInterrupt):
                self.system.interrupted()
            raise SpawnFailed(f"{self.name} did not start: {type(error).__name__}") from error

    def _make_behaviour(self) -> None:
        cls = self.actor_class
        behaviour: Actor[Any] = cls.__new__(cls)
        behaviour.bind(self)
        start = self.spec.start
        self.behaviour = behaviour
        try:
            if isinstance(start, functools.partial):
                cls.__init__(behaviour, *start.args, **start.keywords)
            else:
                cls.__init__(behaviour)
        except BaseException:
            self.behaviour = None  # It never was one, so there is nothing to release.
            raise

    def _has_started(self, *, is_ready: bool = True) -> None:
        if self.phase is not STARTING:
            return  # It was killed by its own on_start.
        self.phase = RUNNING
        self.is_ready = is_ready
        if self._pending_exit is not None:
            self.end(self._pending_exit)
        elif self.queue or self.signals:
            self.wake()

    def become_ready(self) -> None:
        """Take messages from here on, and tell the parent that the start is complete."""
        if not self.is_ready and self.phase is RUNNING:
            self.is_ready = True
            self._call_off_start_limit()
            if self.parent is not None:
                self.parent.signal(ChildStarted(self.ref))
            self.wake()

    def _start_timed_out(self) -> None:
        self._start_timer = None
        self.kill(Crashed(TimeoutError("the start took longer than start_timeout_s")))

    def _limit_start(self) -> None:
        """Bound a start that does not finish at once."""
        clock = self.system.clock
        limit_s = clock.now_s() + self.spec.start_timeout_s
        self._start_timer = clock.call_at(limit_s, self._start_timed_out)

    def _call_off_start_limit(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()
            self._start_timer = None

    # --- a life: handling ------------------------------------------------------------------------

    def _expired(self, envelope: Envelope) -> bool:
        """Skip what nobody waits for any more."""
        reply_to = envelope.reply_to
        if reply_to is not None and reply_to.is_done:
            self.system.dead_letters.record(Loss.EXPIRED, self.name, envelope.message)
            # If it was to be the probe of a held actor, the next message may take its place.
            self._probe_taken = False
            return True
        return False

    def _handled(self, envelope: Envelope, result: object) -> None:
        """Answer the asker, if there is one and the handler did not take that on itself."""
        self.in_hand = None
        if self.system.hooks.received:
            self._intercept_received(envelope, None)
        reply_to = envelope.reply_to
        if reply_to is not None and not envelope.is_deferred and not reply_to.resolve(result):
            self.system.dead_letters.record(Loss.LATE_REPLY, self.name, result)
        if self._is_probing and self._probe_taken:
            self._probe_taken = False
            if self.parent is not None:
                self.parent.signal(ChildSucceeded(self.ref))
        if self._pending_exit is not None:
            self.end(self._pending_exit)

    def _handled_too_late(self, envelope: Envelope, result: object) -> None:
        """A handler that was left behind came to its end: its asker has been told otherwise."""
        if envelope.reply_to is not None and not envelope.is_deferred:
            self.system.dead_letters.record(Loss.LATE_REPLY, self.name, result)

    def _failed(self, envelope: Envelope | None, error: BaseException) -> None:
        """A handler raised: decide what that means, and do it."""
        self.in_hand = None
        if envelope is not None and self.system.hooks.received:
            self._intercept_received(envelope, error)
        if isinstance(error, KeyboardInterrupt):
            self.system.interrupted()
        if isinstance(error, CancelledError) or isinstance(self._pending_exit, Killed):
            # A cancellation that comes out of a handler ends this actor and nobody else.
            if envelope is not None:
                self._poison(envelope, error)
            self.end(self._pending_exit or KILLED)
            return
        directive = self._decide(envelope, error)
        if directive is Directive.ISOLATE:
            if envelope is not None and envelope.reply_to is not None:
                envelope.reply_to.resolve(None, self._as_answer(envelope, error))
            self._probe_taken = False
            if self.parent is not None:
                self.parent.signal(ChildFaltered(self.ref, error))
            if self._pending_exit is not None:
                self.end(self._pending_exit)
            return
        if directive is Directive.STOP:
            self.restart_wish = _TEMPORARY
        self._is_escalating = directive is Directive.ESCALATE
        if envelope is not None:
            self._poison(envelope, error)
        self.end(Crashed(error))

    def _decide(self, envelope: Envelope | None, error: BaseException) -> Directive:
        for kind, directive in self.spec.deciders:
            if isinstance(error, kind):
                return directive
        answers: tuple[type[BaseException], ...] = self.actor_class.answers
        if envelope is not None and envelope.reply_to is not None and isinstance(error, answers):
            return Directive.ISOLATE
        return Directive.RESTART

    def _as_answer(self, envelope: Envelope, error: BaseException) -> Exception:
        """The error as an asker may get it: what ends tasks or programs must not travel on."""
        if isinstance(error, Exception):
            return error
        name = type(envelope.message).__name__
        return MessagePoisoned(f"{self.name} ended by {type(error).__name__} while it had {name}")

    def _cut_short(self, envelope: Envelope) -> None:
        """The handler of this message was cancelled, or given up."""
        if isinstance(envelope, SignalEnvelope):
            return
        if self.system.hooks.received:
            self._intercept_received(envelope, None)
        # A kill from outside says nothing against the message it interrupted.
        self._poison(envelope, CancelledError(), Loss.CLOSED)

    def _poison(self, envelope: Envelope, error: BaseException, loss: Loss = Loss.POISON) -> None:
        """The message in hand at a crash: again for the next life, or quarantined."""
        envelope.crashes += 1
        envelope.is_deferred = False
        will_live = self.restart_wish is not _TEMPORARY and self.parent is not None
        if will_live and envelope.crashes <= self.spec.redeliveries_max:
            self.requeue([envelope])
            return
        name = type(envelope.message).__name__
        self.system.dead_letters.record(loss, self.name, envelope.message)
        if envelope.reply_to is not None:
            repeated = self.spec.redeliveries_max > 0
            refusal = MessagePoisoned(f"{name} crashed {self.name} {envelope.crashes} times")
            envelope.reply_to.resolve(
                None, refusal if repeated else self._as_answer(envelope, error)
            )
        sender = envelope.sender if loss is Loss.POISON else None
        if sender is not None and not sender.is_closed:
            sender.signal(Poisoned(self.ref, name))

    def _take_signal(self, signal: Signal) -> bool:
        """Act on a signal the runtime answers for the actor. False: the actor hears it."""
        behaviour = self.behaviour
        if isinstance(signal, Shutdown):
            if behaviour is not None and behaviour.handles_shutdown:
                return False
            self.end(STOPPED)
            return True
        if isinstance(signal, TimerFired):
            return not signal.claim(self)
        if isinstance(signal, PipeFailed):
            self._failed(None, signal.error)
            return True
        return False

    def _hear(self, signal: Signal) -> object:
        """Let the behaviour hear a signal."""
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        if type(signal) is Poisoned:
            behaviour.on_poisoned(signal)
            return None
        return behaviour.receive(signal.message if isinstance(signal, TimerFired) else signal)

    def _call_for(self, signal: Signal) -> Callable[[], object]:
        """What of the behaviour of this life hears a signal, wherever that will run."""
        behaviour = self.behaviour
        assert behaviour is not None, "a running cell has a behaviour"
        if isinstance(signal, Poisoned):
            return functools.partial(behaviour.on_poisoned, signal)
        message = signal.message if isinstance(signal, TimerFired) else signal
        return functools.partial(behaviour.receive, message)

    # --- a life: end -----------------------------------------------------------------------------

    def end(self, reason: ExitReason) -> None:
        """End this life with the hooks that belong to the reason; then the parent's word."""
        if self.phase is not RUNNING:
            return
        self.phase = ENDING
        self._finish(self._run_hooks(reason))

    def _run_hooks(self, reason: ExitReason) -> ExitReason:
        """Call on_stop or on_failure; an error in a hook turns the end into a crash."""
        behaviour = self.behaviour
        assert behaviour is not None, "a life that ends has a behaviour"
        if not (behaviour.has_end_hooks or isinstance(reason, Crashed)):
            return reason
        # A thread's hooks run on their thread, where `current` says who runs.
        system = self.system
        is_here = get_ident() == system.thread_id
        before = system.running
        if is_here:
            system.running = self
        try:
            if isinstance(reason, Crashed):
                error = reason.error
                behaviour.on_failure(type(error), error, error.__traceback__)
            elif not isinstance(reason, Killed):
                behaviour.on_stop()
        except BaseException as error:  # noqa: BLE001 - the kernel's own boundary: a hook's bug
            self.system.hook_failed(self, error)
            if not isinstance(reason, Crashed):
                reason = Crashed(error)
        finally:
            if is_here:
                system.running = before
        return reason

    def _finish(self, reason: ExitReason) -> None:
        """Let go of the life that ended and ask the parent, or close."""
        if self.phase not in ALIVE:
            return
        self.in_hand = None
        if self._kill_timer is not None:
            self._plan_kill(None, inf)
        if self._paused is not None:
            paused, self._paused = self._paused, None
            self._cut_short(paused)
        self._let_go()
        system = self.system
        if system.life_listeners or isinstance(reason, Crashed):
            system.life_ended(self, reason)
        parent = self.parent
        if (
            self.restart_wish is not _TEMPORARY
            and parent is not None
            and parent.phase is not CLOSED
            and self._is_wanted_again(reason)
        ):
            self.phase = WAITING
            # A stop that waits for its turn goes on keeping new mail out.
            self.is_sealed = bool(self.queue) and type(self.queue[-1].message) is _ActorStop
            parent.signal(ChildExited(self.ref, reason, True, self._is_escalating))
            return
        self.close(reason)

    def _is_wanted_again(self, reason: ExitReason) -> bool:
        if self.restart_wish is _PERMANENT:
            return True
        if self.keeps_place and self.restart_wish is _TRANSIENT:
            return True
        return self.restart_wish is _TRANSIENT and is_abnormal(reason)

    def _let_go(self) -> None:
        """Free what the behaviour holds, and everything that is tied to its life."""
        self.generation += 1
        behaviour, self.behaviour = self.behaviour, None
        if self._start_timer is not None:
            self._call_off_start_limit()
        if self.timers is not None or self.receive_timeout is not None:
            self._let_go_of_time()
        if self.signals:
            # Orders and timers of this life; what others have to tell is for the next one too.
            ended = (Shutdown, TimerFired, PipeFailed)
            self.signals = deque(s for s in self.signals if not isinstance(s, ended))
        if self.pipes is not None:
            pipes, self.pipes = self.pipes, None
            for pipe in pipes:
                pipe.cancel()
        if self.stash is not None:
            stashed, self.stash = self.stash, None
            self.requeue(stashed)
        if self.children is not None:
            children, self.children = self.children, None
            for child in reversed(list(children.values())):
                # An orphan: whoever takes this cell's place must not hear of it.
                child.parent = None
                self.system.forget(child)
                child.kill()
        if behaviour is not None and behaviour.has_release:
            try:
                behaviour.release()
            except BaseException as error:  # noqa: BLE001 - the kernel's own boundary: a hook's bug
                self.system.hook_failed(self, error)

    def _let_go_of_time(self) -> None:
        if self.timers is not None:
            timers, self.timers = self.timers, None
            for fired in timers.values():
                fired.cancel()
        if self.receive_timeout is not None:
            self.receive_timeout.cancel()
            self.receive_timeout = None

    def close(self, reason: ExitReason) -> None:
        """End for good: refuse the mail, tell watchers, links and the parent, once each."""
        if self.phase is CLOSED:
            return
        was_waiting = self.phase is WAITING
        self.phase = CLOSED
        self.is_sealed = True
        self._held_until_s = None
        if self._kill_timer is not None:
            self._plan_kill(None, inf)
        while self.queue:
            self.refuse(Loss.CLOSED, self._pop())
        self.signals = None
        self.system.forget(self)
        if self._watched is not None:
            for other in self._watched:
                other.unwatch(self)
            self._watched = None
        if self._watchers is not None or self._closed_callbacks is not None:
            self._tell_watchers(reason)
        parent = self.parent
        if parent is not None:
            if parent.children is not None:
                parent.children.pop(self.number, None)
            if not was_waiting:
                parent.signal(ChildExited(self.ref, reason, False, self._is_escalating))
        if self.links is not None:
            self._break_links(reason)
        while self._offers:
            self._call_next_offer()
        # Who keeps a ref keeps the cell: not what the actor was made of as well. The other way
        # round would be a circle, and all that has ended would wait for the garbage collector.
        self._ref = ReferenceType(self.ref)
        self.spec = _outlived(self.spec)

    # --- what belongs to one life: timers and the stash ------------------------------------------

    def start_timer(self, key: Hashable, message: object, after_s: float) -> None:
        """See `Actor.start_timer`."""
        self.cancel_timer(key)
        if self.timers is None:
            self.timers = {}
        clock = self.system.clock
        fired = self.timers[key] = TimerFired(key, message)
        fired.timer = clock.call_at(clock.now_s() + after_s, lambda: self.signal(fired))

    def cancel_timer(self, key: Hashable) -> None:
        """See `Actor.cancel_timer`."""
        if self.timers is not None and (fired := self.timers.pop(key, None)) is not None:
            fired.cancel()

    def set_receive_timeout(self, after_s: float | None, message: object) -> None:
        """See `Actor.set_receive_timeout`."""
        if self.receive_timeout is not None:
            self.receive_timeout.cancel()
        timeout = None if after_s is None else ReceiveTimeout(self, after_s, message)
        self.receive_timeout = timeout

    def unstash(self) -> None:
        """See `Actor.unstash_all`."""
        if self.stash:
            stashed, self.stash = self.stash, None
            self.requeue(stashed)

    # --- ending, from outside --------------------------------------------------------------------

    def ask_to_stop(self) -> None:
        """Queue Pykka's stop, behind the mail that waits; once is enough."""
        if not self.is_sealed:
            self.accept(Envelope(_ActorStop()))

    def exit(self, reason: ExitReason = NORMAL) -> None:
        """End after the handler under way; called by the actor itself."""
        self._pending_exit = reason
        if self.in_hand is None and self._paused is None and self.phase is RUNNING:
            self.end(reason)

    def shut_down(self, deadline_s: float) -> None:
        """Send `Shutdown`, and kill at the deadline what has not ended by then."""
        if self.phase is WAITING:
            self._end_while_waiting(STOPPED)
            return
        if self.phase is CLOSED:
            return
        clock = self.system.clock
        if deadline_s <= clock.now_s():
            self.kill()
            return
        if deadline_s < self._kill_at_s:
            # An earlier deadline holds, whoever named it.
            self._plan_kill(clock.call_at(deadline_s, self.kill), deadline_s)
        self.signal(Shutdown(deadline_s))

    def kill(self, reason: ExitReason = KILLED) -> None:
        """End now. A handler that awaits is cancelled, and abandoned if it ignores that."""
        if self.phase is CLOSED:
            return
        if self.phase is WAITING:
            self._end_while_waiting(reason)
            return
        if self._kill_at_s == -inf:
            return  # It is under way: cancelling again would only disturb the clean-up.
        self._pending_exit = reason
        if self._cancel_handler():
            at_s = self.system.clock.now_s() + KILL_GRACE_S
            grace = self.system.clock.call_at(at_s, lambda: self._give_up_on(reason))
            self._plan_kill(grace, -inf)
        elif self._may_end_here():
            self._finish(reason)

    def _plan_kill(self, timer: Timer | None, at_s: float) -> None:
        """Replace the timer that ends what does not end; `at_s` is -inf while a kill goes on."""
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._kill_timer, self._kill_at_s = timer, at_s

    def _may_end_here(self) -> bool:
        """Whether nothing of this actor is running further down the stack."""
        return self._paused is not None or (self.in_hand is None and self.phase is RUNNING)

    def _end_while_waiting(self, reason: ExitReason) -> None:
        """Between two lives there is nothing to end, unless this end means no next one."""
        parent = self.parent
        if parent is None or parent.is_closed:
            self.close(reason)
        elif not self._is_wanted_again(reason):
            self.close(reason)
            parent.signal(ChildExited(self.ref, reason, False))

    def _give_up_on(self, reason: ExitReason) -> None:
        self.system.zombies += 1
        if self.in_hand is not None:
            self._cut_short(self.in_hand)
        self._abandon_handler()
        self._finish(reason)

    # --- what the parent decides about a cell that waits -----------------------------------------

    def restart(self, *, as_probe: bool = False) -> None:
        """Begin a new life with the same ref and the queued mail.

        Raises:
            Exception: the new life could not start; the cell goes on waiting.
        """
        assert self.phase is WAITING, "only a cell that waits can be restarted"
        self._is_escalating = False
        self._held_until_s = None
        self._is_probing, self._probe_taken = as_probe, bool(as_probe and self.queue)
        try:
            self.start_life()
        except BaseException:
            self.phase = WAITING
            raise


def _nobody() -> Any:
    """Stand where the class of an actor stood that has ended."""
    raise AssertionError("what has ended is not started again")


_ENDED: ChildSpec[Any] = ChildSpec(start=_nobody)


def _outlived(spec: ChildSpec[Any]) -> ChildSpec[Any]:
    """Keep of a spec what people may still ask an ended actor for."""
    if spec.name or spec.labels:
        return ChildSpec(start=_nobody, name=spec.name, labels=spec.labels)
    return _ENDED
