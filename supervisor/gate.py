"""Admits work under live limits, and keeps one restart policy per key.

Lifetime   permanent. After a restart it counts the children that are running.
Parent     the root; beside it the dynamic supervisor that starts what is admitted.

Receives   Admit          ask; answered when there is room, or refused
           StartedChild, StartRefused, Children   from the dynamic supervisor
           Terminated     a child ended: its permit is back, its keys' policies hear how
           CountDue       a note to itself: ask again who runs
Sends      Admitted, Refused   as the answer of `Admit`, also when this gate ends
           StartChild, ListChildren   to the dynamic supervisor

A key stands for somebody (a user) or something (a provider) whose failures count together. Its
policy is a circuit breaker: held keys are refused at once, then one probe goes through. Neither
permits nor breakers depend on good manners: both hear of an end from the runtime.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, assert_never

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import (
    Children,
    ChildSpec,
    ListChildren,
    RestartPolicy,
    StartChild,
    StartedChild,
    StartRefused,
)
from actors.kernel.future import Reply
from actors.kernel.ref import ActorRef
from actors.kernel.signals import NO_PROC, Crashed, ExitReason, Normal, Poisoned, Terminated
from actors.kernel.system import ActorSystem
from supervisor.breaker import (
    CLOSED,
    HalfOpen,
    Pass,
    Refuse,
    State,
    admit,
    failed,
    succeeded,
    undecided,
)
from supervisor.kept import floor_of

# How many keys with something to remember are kept; the one unused longest goes first.
KEYS_MAX = 10_000

# Seconds until the dynamic supervisor is asked again who runs, if its mailbox was full.
COUNT_RETRY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """One key of a piece of work, and the policy that counts its failures."""

    key: str
    policy: RestartPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """It runs. The asker may monitor `ref`."""

    ref: ActorRef[Any]


class Refusal(Enum):
    """Why something was not admitted."""

    FULL = "full"
    HELD = "held"
    NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It was not admitted; nothing was started. `key` is the one that is held."""

    why: Refusal
    retry_after_s: float = 0.0
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admit:
    """Start this child as soon as fewer than `running_max` run.

    Limits travel with each request, so a changed limit counts from the next request on: raised
    or lowered. Lowering lets what runs finish. Who asks with a deadline is forgotten after it.
    """

    spec: ChildSpec[Any]
    keys: tuple[KeyPolicy, ...]
    running_max: int
    waiting_max: int = 1000


@dataclass(frozen=True, slots=True)
class CountDue:
    """Ask again who runs."""


GateMessage: TypeAlias = Admit | StartedChild | StartRefused | Children | Terminated | CountDue


@dataclass(slots=True)
class _Work:
    """What was asked for; the asker, until it is answered; the keys for which it is the probe."""

    admit: Admit
    reply: Reply | None
    probes: tuple[str, ...] = ()

    @property
    def is_wanted(self) -> bool:
        return self.reply is not None and self.reply.is_wanted

    def answer(self, answer: Admitted | Refused) -> None:
        reply, self.reply = self.reply, None
        if reply is not None:
            reply.set(answer)


class GateActor(LoopActor[GateMessage]):
    """See the module docstring.

    Args:
        children: the dynamic supervisor that starts what is admitted, or its name in the
            system: a sibling that is started before the gate has no ref yet when specs are made.
    """

    def __init__(self, children: ActorRef[StartChild | ListChildren] | str) -> None:
        self._children = _found(self.system, children)
        self._running_max = 1
        self._waiting: deque[_Work] = deque()
        self._starting: dict[int, _Work] = {}
        self._running: dict[ActorRef[Any], _Work | None] = {}
        # Ends that were heard of before the start.
        self._early: dict[ActorRef[Any], ExitReason] = {}
        # Every life has numbers of its own: an answer to an earlier one must not pass for ours.
        self._tokens = self.life << 32
        self._is_counting = False
        self._counted_token = 0
        self._breakers: OrderedDict[str, State] = OrderedDict()

    def on_start(self) -> None:
        """In a later life: ask who runs, for the permits of those are taken."""
        self.monitor(self._children)
        if self.life > 1:
            self._count()

    def on_poisoned(self, notice: Poisoned) -> None:
        """The dynamic supervisor crashed on a message of ours: find out what it never did."""
        self._count()

    def release(self) -> None:
        """Refuse everybody who still waits: the next life knows nothing of them."""
        for work in (*self._waiting, *self._starting.values()):
            if work.is_wanted:
                work.answer(Refused(why=Refusal.NOT_STARTED))

    @property
    def in_use(self) -> int:
        """Permits that are taken."""
        return len(self._running) + len(self._starting)

    @property
    def has_room(self) -> bool:
        """Whether one more may be started now."""
        return not self._is_counting and self.in_use < self._running_max

    def receive(self, message: GateMessage) -> None:
        """See the module docstring."""
        match message:
            case Admit():
                self._on_admit(message)
            case StartedChild(ref=ref, token=token):
                self._on_started(ref, token)
            case StartRefused(reason=reason, token=token):
                self._on_refused(token, Refusal.FULL if reason == "full" else Refusal.NOT_STARTED)
            case Terminated(ref=ref, reason=reason):
                self._on_terminated(ref, reason)
            case Children(refs=refs):
                self._on_children(refs)
            case CountDue():
                self._count()
            case _:
                assert_never(message)
        self._let_in()

    # --- asking to come in -----------------------------------------------------------------------

    def _on_admit(self, message: Admit) -> None:
        self._running_max = message.running_max
        work = _Work(message, self.reply_later())
        if len(self._waiting) >= message.waiting_max:
            self._waiting = deque(each for each in self._waiting if each.is_wanted)
        if len(self._waiting) >= message.waiting_max and not self.has_room:
            work.answer(Refused(why=Refusal.FULL))
        elif (refused := self._held(message)) is not None:
            work.answer(refused)
        else:
            self._waiting.append(work)

    def _held(self, message: Admit) -> Refused | None:
        """Refuse at once what any key's policy holds; takes no probe yet."""
        now_s = self.system.clock.now_s()
        for each in message.keys:
            answer = admit(self._breakers.get(each.key, CLOSED), now_s=now_s)
            if isinstance(answer, Refuse):
                return Refused(why=Refusal.HELD, retry_after_s=answer.retry_after_s, key=each.key)
        return None

    def _let_in(self) -> None:
        while self._waiting and self.has_room:
            work = self._waiting.popleft()
            if not work.is_wanted:
                continue
            if (refused := self._held(work.admit)) is not None:
                work.answer(refused)
            else:
                self._start(work)
        if not self._starting:
            self._early.clear()

    def _start(self, work: _Work) -> None:
        self._take_probes(work)
        self._tokens += 1
        self._starting[self._tokens] = work
        spec, token = work.admit.spec, self._tokens
        start = StartChild(spec=spec, reply_to=self.actor_ref, token=token, monitor=True)
        if not self._children.offer(start):
            self._on_refused(token, Refusal.NOT_STARTED)

    def _take_probes(self, work: _Work) -> None:
        now_s = self.system.clock.now_s()
        for each in work.admit.keys:
            answer = admit(self._breakers.get(each.key, CLOSED), now_s=now_s)
            assert isinstance(answer, Pass), "a held key was refused before"
            if isinstance(answer.state, HalfOpen):
                work.probes += (each.key,)
                self._remember(each.key, answer.state)

    # --- what became of it -----------------------------------------------------------------------

    def _on_started(self, ref: ActorRef[Any], token: int) -> None:
        work = self._starting.pop(token, None)
        self._running[ref] = work
        if work is None:
            # Its asker was refused when this gate, or the supervisor, crashed: nobody owns it.
            self.monitor(ref)
            ref.shut_down(0.0)
            return
        if not work.is_wanted:
            ref.shut_down(0.0)
        work.answer(Admitted(ref=ref))
        if ref in self._early:
            self._on_terminated(ref, self._early.pop(ref))

    def _on_refused(self, token: int, why: Refusal) -> None:
        work = self._starting.pop(token, None)
        if work is not None:
            self._hear_end(work, NO_PROC)
            work.answer(Refused(why=why))

    def _on_terminated(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        if ref is self._children:
            # Nobody is left to answer.
            self._counted_token = self._tokens
            self._on_children(())
        elif ref in self._running:
            work = self._running.pop(ref)
            if work is not None:
                self._hear_end(work, reason)
        elif self._starting:
            self._early[ref] = reason

    # --- counting anew ---------------------------------------------------------------------------

    def _count(self) -> None:
        """Let nobody in until it is known who runs. The question follows all starts before it."""
        self._is_counting = True
        self._counted_token = self._tokens
        if self._children.offer(ListChildren(reply_to=self.actor_ref)):
            return
        if self._children.is_alive():
            self.start_timer(CountDue, CountDue(), COUNT_RETRY_S)
        else:
            self._on_children(())

    def _on_children(self, refs: tuple[ActorRef[Any], ...]) -> None:
        self._is_counting = False
        for ref in refs:
            if ref not in self._running:
                self._running[ref] = None
                self.monitor(ref)
        # What was to start before the question, and did not, was lost in a crash.
        for token in [token for token in self._starting if token <= self._counted_token]:
            self._on_refused(token, Refusal.NOT_STARTED)

    # --- policies --------------------------------------------------------------------------------

    def _hear_end(self, work: _Work, reason: ExitReason) -> None:
        """Tell the policies of its keys how a piece of work ended."""
        for each in work.admit.keys:
            state = self._breakers.get(each.key, CLOSED)
            if isinstance(state, HalfOpen) and each.key not in work.probes:
                continue  # Admitted before it opened: no news, and the probe is another's.
            if isinstance(reason, Normal):
                state = succeeded(state, policy=each.policy)
            elif isinstance(reason, Crashed) and each.policy.is_counted(reason.error):
                now_s, floor_s = self.system.clock.now_s(), floor_of(reason)
                state = failed(state, now_s=now_s, policy=each.policy, floor_s=floor_s)
            else:
                state = undecided(state)
            self._remember(each.key, state)

    def _remember(self, key: str, state: State) -> None:
        self._breakers.pop(key, None)
        if state != CLOSED:
            self._breakers[key] = state
        if len(self._breakers) > KEYS_MAX:
            self._breakers.popitem(last=False)


def _found(
    system: ActorSystem, address: ActorRef[StartChild | ListChildren] | str
) -> ActorRef[StartChild | ListChildren]:
    ref = system.find(address) if isinstance(address, str) else address
    if ref is None:
        raise LookupError(f"no actor is called {address!r}; start it before the gate")
    return ref
