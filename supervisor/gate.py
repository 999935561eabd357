"""Admits work under live limits, and keeps one restart policy per key.

Lifetime   permanent. After a restart it counts the children that are running.
Parent     the root; beside it the dynamic supervisor that starts what is admitted.

Receives   Admit          ask; answered when there is room, or refused
           StartedChild, StartRefused, Children   from the dynamic supervisor
           Terminated     a child ended: its permit is back, its keys' policies hear how
Sends      Admitted, Refused   as the answer of `Admit`
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
from actors.kernel.signals import Crashed, ExitReason, Normal, Terminated
from supervisor import breaker
from supervisor.kept import floor_of

# How many keys with something to remember are kept; the one unused longest goes first.
KEYS_MAX = 10_000


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


GateMessage: TypeAlias = Admit | StartedChild | StartRefused | Children | Terminated


@dataclass(slots=True)
class _Work:
    admit: Admit
    reply: Reply | None


class GateActor(LoopActor[GateMessage]):
    """See the module docstring.

    Args:
        children: the dynamic supervisor that starts what is admitted, or its name in the
            system: a sibling that is started before the gate has no ref yet when specs are made.
    """

    def __init__(self, children: ActorRef[StartChild | ListChildren] | str) -> None:
        self._children = children
        self._running_max = 1
        self._waiting: deque[_Work] = deque()
        self._starting: dict[int, _Work] = {}
        self._running: dict[ActorRef[Any], _Work | None] = {}
        self._early: dict[ActorRef[Any], ExitReason] = {}
        self._tokens = 0
        self._breakers: OrderedDict[str, breaker.State] = OrderedDict()

    def on_start(self) -> None:
        """In a later life: ask who runs, for the permits of those are taken."""
        if self.life > 1:
            self._tell_children(ListChildren(reply_to=self.actor_ref))

    @property
    def in_use(self) -> int:
        """Permits that are taken."""
        return len(self._running) + len(self._starting)

    def receive(self, message: GateMessage) -> None:
        """See the module docstring."""
        match message:
            case Admit():
                self._on_admit(message)
            case StartedChild(ref=ref, token=token):
                self._on_started(ref, token)
            case StartRefused(reason=reason, token=token):
                self._on_refused(reason, token)
            case Terminated(ref=ref, reason=reason):
                self._on_terminated(ref, reason)
            case Children(refs=refs):
                for ref in refs:
                    if ref not in self._running:
                        self._running[ref] = None
                        self.monitor(ref)
            case _:
                assert_never(message)
        self._let_in()

    def _on_admit(self, admit: Admit) -> None:
        self._running_max = admit.running_max
        reply = self.reply_later()
        if len(self._waiting) >= admit.waiting_max:
            self._waiting = deque(work for work in self._waiting if _is_wanted(work))
        if len(self._waiting) >= admit.waiting_max and self.in_use >= self._running_max:
            reply.set(Refused(why=Refusal.FULL))
            return
        if (refused := self._held(admit)) is not None:
            reply.set(refused)
            return
        self._waiting.append(_Work(admit, reply))

    def _held(self, admit: Admit) -> Refused | None:
        """Refuse at once what any key's policy holds; takes no probe yet."""
        now_s = self.system.clock.now_s()
        for each in admit.keys:
            state = self._breakers.get(each.key, breaker.CLOSED)
            answer = breaker.admit(state, now_s=now_s)
            if isinstance(answer, breaker.Refuse):
                return Refused(why=Refusal.HELD, retry_after_s=answer.retry_after_s, key=each.key)
        return None

    def _let_in(self) -> None:
        while self._waiting and self.in_use < self._running_max:
            work = self._waiting.popleft()
            if work.reply is None or not work.reply.is_wanted:
                continue
            if (refused := self._held(work.admit)) is not None:
                work.reply.set(refused)
                continue
            self._take_probes(work.admit)
            self._tokens += 1
            self._starting[self._tokens] = work
            start = StartChild(
                spec=work.admit.spec, reply_to=self.actor_ref, token=self._tokens, monitor=True
            )
            if not self._tell_children(start):
                self._on_refused("unreachable", self._tokens)

    def _tell_children(self, message: StartChild | ListChildren) -> bool:
        children = self._children
        ref = self.system.find(children) if isinstance(children, str) else children
        return ref is not None and ref.offer(message)

    def _take_probes(self, admit: Admit) -> None:
        now_s = self.system.clock.now_s()
        for each in admit.keys:
            if each.key in self._breakers:
                answer = breaker.admit(self._breakers[each.key], now_s=now_s)
                assert isinstance(answer, breaker.Pass), "a held key was refused before"
                self._remember(each.key, answer.state)

    def _on_started(self, ref: ActorRef[Any], token: int) -> None:
        work = self._starting.pop(token, None)
        if work is None:
            # Started for an earlier life of this gate: it holds a permit all the same.
            if ref not in self._early:
                self._running.setdefault(ref, None)
            self._early.pop(ref, None)
            return
        self._running[ref] = work
        if work.reply is not None:
            if not work.reply.is_wanted:
                ref.shut_down(0.0)
            work.reply.set(Admitted(ref=ref))
            work.reply = None
        if ref in self._early:
            self._on_terminated(ref, self._early.pop(ref))

    def _on_refused(self, reason: str, token: int) -> None:
        work = self._starting.pop(token, None)
        if work is None:
            return
        for each in work.admit.keys:
            self._settle(each, breaker.undecided(self._breakers.get(each.key, breaker.CLOSED)))
        if work.reply is not None:
            why = Refusal.FULL if reason == "full" else Refusal.NOT_STARTED
            work.reply.set(Refused(why=why))

    def _on_terminated(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        if ref not in self._running:
            self._early[ref] = reason
            return
        work = self._running.pop(ref)
        if work is None:
            return
        now_s = self.system.clock.now_s()
        for each in work.admit.keys:
            state = self._breakers.get(each.key, breaker.CLOSED)
            if isinstance(reason, Normal):
                state = breaker.succeeded(state, policy=each.policy)
            elif isinstance(reason, Crashed) and isinstance(reason.error, each.policy.counts):
                floor_s = floor_of(reason)
                state = breaker.failed(state, now_s=now_s, policy=each.policy, floor_s=floor_s)
            else:
                state = breaker.undecided(state)
            self._settle(each, state)

    def _settle(self, each: KeyPolicy, state: breaker.State) -> None:
        if state == breaker.CLOSED:
            self._breakers.pop(each.key, None)
        else:
            self._remember(each.key, state)

    def _remember(self, key: str, state: breaker.State) -> None:
        self._breakers[key] = state
        self._breakers.move_to_end(key)
        if len(self._breakers) > KEYS_MAX:
            self._breakers.popitem(last=False)


def _is_wanted(work: _Work) -> bool:
    return work.reply is not None and work.reply.is_wanted
