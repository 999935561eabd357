"""Lets work in under live limits, and keeps one restart policy per key.

Lifetime   permanent. After a restart it counts the work that is under way.
Parent     the root; beside it the dynamic supervisor that starts what is admitted.

Receives   Admit          ask; answered when there is room, or refused
           Claim          the same for an actor that lives already; told or asked
           StartedChild, StartRefused, Children   from the dynamic supervisor
           Terminated     work has ended: its permit is back, its keys' policies hear how
           WaitOver       a note to itself: who waited has gone, or waited long enough
           CountDue       a note to itself: no answer yet, so ask again who runs
           CountPermits   from whoever shares permits with other workers: say how many are used
           ShareChanged   from the same: let in no more than so many, for so long
           ShareOver      a note to itself: it has been as long
           FailuresElsewhere   what breakers of other workers have counted
Sends      Admitted, Refused   as the answer of `Admit`, also when this gate ends
           Granted, Refused    as the answer of `Claim`, likewise
           StartChild, ListChildren   to the dynamic supervisor
           PermitsCounted   to whoever shares permits; without being asked when the share is used
                            up, the limit changed, or this life begins
           KeyTurned      to whoever tells other workers: what a breaker has counted

A key stands for somebody (a user) or something (a provider) whose failures count together. Its
policy is a circuit breaker: held keys are refused at once, then one probe goes through. Neither
permits nor breakers depend on good manners: both hear of an end from the runtime.

What has a permit survives a crash of the gate. Admitted children are listed by their supervisor;
holders of claims are those whom this actor monitors, which its cell remembers from life to life.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, assert_never

from msgspec.structs import replace

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import (
    Children,
    ListChildren,
    StartChild,
    StartedChild,
    StartRefused,
)
from actors.kernel.future import Reply
from actors.kernel.permit import Claim, Granted, KeyPolicy, Refusal, Refused
from actors.kernel.ref import ActorRef
from actors.kernel.signals import NO_PROC, ExitReason, Poisoned, Signal, Terminated
from actors.kernel.system import ActorSystem
from supervisor.admission import Admit, Admitted, Work
from supervisor.cluster import KeyNews
from supervisor.failure_exchange import FailuresElsewhere, KeyTurned
from supervisor.keys import KEYS_MAX, Breakers, KeyCounts
from supervisor.share import CountPermits, PermitsCounted, ShareChanged
from supervisor.waiting import WaitingRoom

__all__ = [
    "KEYS_MAX",
    "Admit",
    "Admitted",
    "Claim",
    "CountDue",
    "CountPermits",
    "FailuresElsewhere",
    "GateActor",
    "GateFigures",
    "GateMessage",
    "Granted",
    "KeyPolicy",
    "Refusal",
    "Refused",
    "ShareChanged",
    "ShareOver",
    "WaitOver",
    "Work",
]

# A gate that shares its permits begins with none, and waits so long to hear of its share.
JOIN_WAIT_S = 2.0

# Seconds until the dynamic supervisor is asked again who runs: its mailbox was full, or it was
# asked and has not answered. The question may have been lost, and until it is answered nobody
# is let in.
COUNT_RETRY_S = 0.1
COUNT_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class CountDue:
    """Ask again who runs."""


@dataclass(frozen=True, slots=True)
class ShareOver:
    """Nobody has renewed the share: the limit is the only one."""


@dataclass(frozen=True, slots=True)
class WaitOver(Signal):
    """Who waited has gone, or has waited long enough."""

    work: Work
    why: Refusal


GateMessage: TypeAlias = (
    Admit
    | Claim
    | StartedChild
    | StartRefused
    | Children
    | Terminated
    | WaitOver
    | CountDue
    | CountPermits
    | ShareChanged
    | ShareOver
    | FailuresElsewhere
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFigures:
    """A gate at one moment, for reports. `running` counts what is being started as well.

    `share` is the part of the limit that this worker keeps to; None: all of it.
    """

    running: int
    running_max: int
    share: int | None = None
    waiting: int
    keys: KeyCounts


class GateActor(LoopActor[GateMessage]):
    """See the module docstring.

    Args:
        children: the dynamic supervisor that starts what is admitted, or its name in the
            system: a sibling that is started before the gate has no ref yet when specs are made.
            None for a gate that is only for claims.
        sharer: the name of whoever shares the permits with other workers; None: nobody. It runs
            on a thread and may still be starting, or be gone: then nothing waits for it.
        exchange: the name of whoever tells other workers of failures; likewise.
    """

    def __init__(
        self,
        children: ActorRef[StartChild | ListChildren] | str | None,
        *,
        sharer: str | None = None,
        exchange: str | None = None,
    ) -> None:
        self._children = _found(self.system, children)
        self._sharer = sharer
        self._exchange = exchange
        # The limit, which comes with what asks to be let in; 0: nothing has asked yet.
        self._running_max = 0
        # The part of it that this worker may use; None: all of it.
        self._share: int | None = None if sharer is None else 0
        self._share_number = 0
        self._has_told_count = False
        self._waiting: WaitingRoom[Work] = WaitingRoom()
        # Those of them that claim, by their holder.
        self._claims: dict[ActorRef[Any], Work] = {}
        self._starting: dict[int, Work] = {}
        self._running: dict[ActorRef[Any], Work | None] = {}
        # Ends that were heard of before the start.
        self._early: dict[ActorRef[Any], ExitReason] = {}
        # Every life has numbers of its own: an answer to an earlier one must not pass for ours.
        self._tokens = self.life << 32
        self._is_counting = False
        self._counted_token = 0
        tell = None if self._exchange is None else self._pass_on
        self._breakers = Breakers(self.system.clock.now_s, tell)

    def on_start(self) -> None:
        """In a later life: find out who runs, for the permits of those are taken."""
        children = self._children
        for ref in self.monitored:
            if ref is not children:
                self._running[ref] = None
        if children is not None:
            self.monitor(children)
            if self.life > 1:
                self._count(children)
        if self._sharer is not None:
            self.start_timer(ShareOver, ShareOver(), JOIN_WAIT_S)
            if not self._is_counting:
                self._tell_count()

    def on_poisoned(self, notice: Poisoned) -> None:
        """The dynamic supervisor crashed on a message of ours: find out what it never did."""
        if self._children is not None and notice.ref is self._children:
            self._count(self._children)

    def release(self) -> None:
        """Refuse everybody who still waits: the next life knows nothing of them."""
        for work in tuple(self._waiting):
            self._has_left(work)
            work.refuse(Refusal.NOT_STARTED)
        for work in self._starting.values():
            if work.is_wanted:
                work.refuse(Refusal.NOT_STARTED)

    @property
    def in_use(self) -> int:
        """Permits that are taken."""
        return len(self._running) + len(self._starting)

    @property
    def has_room(self) -> bool:
        """Whether one more may be started now."""
        in_use = len(self._running) + len(self._starting)
        if in_use >= self._running_max or self._is_counting:
            return False
        return self._share is None or in_use < self._share

    def figures(self) -> GateFigures:
        """Count what a report tells of this gate."""
        return GateFigures(
            running=self.in_use,
            running_max=self._running_max,
            share=self._share,
            waiting=self._waiting.count,
            keys=self._breakers.counts(),
        )

    def receive(self, message: GateMessage) -> None:
        """See the module docstring."""
        match message:
            case Admit():
                self._on_admit(message)
            case StartedChild(ref=ref, token=token):
                self._on_started(ref, token)
            case Terminated(ref=ref, reason=reason):
                self._on_terminated(ref, reason)
            case Claim():
                self._on_claim(message)
            case WaitOver(work=work, why=why):
                self._on_wait_over(work, why)
            case StartRefused(reason=reason, token=token):
                self._on_refused(token, Refusal.FULL if reason == "full" else Refusal.NOT_STARTED)
            case Children(refs=refs, token=token):
                self._on_children(refs, token)
            case CountDue():
                assert self._children is not None, "only a supervisor is asked who runs"
                self._ask_who_runs(self._children)
            case CountPermits() | ShareChanged() | ShareOver() | FailuresElsewhere():
                self._on_others(message)
            case _:
                assert_never(message)
        if self._waiting.count:
            self._let_in()
        if self._early and not self._starting:
            self._early.clear()

    # --- asking to come in -----------------------------------------------------------------------

    def _on_admit(self, admit: Admit) -> None:
        work = Work(admit, self.reply_later())
        if admit.running_max != self._running_max:
            self._limit_changed(admit.running_max)
        if self._children is None:
            work.refuse(Refusal.NOT_STARTED)
        else:
            self._take(work)

    def _on_claim(self, claim: Claim) -> None:
        work, holder = Work(claim, self.reply_later(), claim.reply_to), claim.holder
        if claim.running_max != self._running_max:
            self._limit_changed(claim.running_max)
        if not holder.is_alive():
            work.refuse(Refusal.NOT_STARTED)
        elif holder in self._running:
            # It has its permit, were it from before a crash of this gate, or of its own.
            self._running[holder] = self._running[holder] or work
            work.answer(Granted(token=claim.token))
        elif (waiting := self._claims.get(holder)) is not None:
            # The same claim once more: it keeps its place, and who said it last gets the answer.
            waiting.asked, waiting.reply, waiting.listener = claim, work.reply, work.listener
            self._watch_asker(waiting)
        else:
            self._take(work)

    def _take(self, work: Work) -> None:
        """Let somebody in who has just come, or wait, or go."""
        if self._waiting.count:
            # Those who wait come first, if it is a higher limit that has come.
            self._let_in()
        if not work.is_wanted:
            return
        if (held := self._breakers.held(work.asked.keys)) is not None:
            work.refuse(Refusal.HELD, retry_after_s=held.retry_after_s, key=held.key)
        elif self.has_room:
            self.let_in(work)
        else:
            self._wait(work)

    def _wait(self, work: Work) -> None:
        asked = work.asked
        if self._waiting.count >= asked.waiting_max:
            displaced = self._waiting.displace(asked.fair_key)
            if displaced is None:
                work.refuse(Refusal.FULL)
                return
            self._has_left(displaced)
            displaced.refuse(Refusal.FULL)
        self._waiting.add(asked.fair_key, work)
        self._watch_asker(work)
        if self._share is not None:
            self._tell_count()
        if isinstance(asked, Claim):
            holder, wait_max_s = asked.holder, asked.wait_max_s
            self._claims[holder] = work
            # No monitor: those are for permits that are taken.
            holder.cell.watch(work, lambda _: self._note(WaitOver(work, Refusal.NOT_STARTED)))
            self.start_timer(work, WaitOver(work, Refusal.FULL), wait_max_s)

    def _watch_asker(self, work: Work) -> None:
        """Give the place to others as soon as nobody waits for the answer any more."""
        reply = work.reply
        if reply is not None and work.listener is None:
            reply.when_unwanted(partial(self._asker_left, work, reply))

    def _asker_left(self, work: Work, reply: Reply) -> None:
        if work.reply is reply:
            self._note(WaitOver(work, Refusal.NOT_STARTED))

    def _note(self, note: WaitOver) -> None:
        """Tell oneself from outside of all handlers."""
        self.actor_ref.cell.signal(note)

    def _on_wait_over(self, work: Work, why: Refusal) -> None:
        if self._waiting.discard(work):
            self._has_left(work)
            if work.is_wanted:
                work.refuse(why)

    def _has_left(self, work: Work) -> None:
        """Forget that somebody waited."""
        if isinstance(work.asked, Claim):
            holder = work.asked.holder
            self._claims.pop(holder, None)
            holder.cell.unwatch(work)
            self.cancel_timer(work)

    def _let_in(self) -> None:
        while self._waiting.count and self.has_room:
            work = self._waiting.take()
            self._has_left(work)
            if not work.is_wanted:
                continue
            if (held := self._breakers.held(work.asked.keys)) is not None:
                work.refuse(Refusal.HELD, retry_after_s=held.retry_after_s, key=held.key)
            else:
                self.let_in(work)

    def let_in(self, work: Work) -> None:
        """Take a permit for this work, and start it or say so: the one place where that is done."""
        asked = work.asked
        work.probes = self._breakers.enter(asked.keys)
        if isinstance(asked, Admit):
            self._start(work, asked)
        else:
            self._running[asked.holder] = work
            self.monitor(asked.holder)
            work.answer(Granted(token=asked.token))

    def _start(self, work: Work, admit: Admit) -> None:
        self._tokens = token = self._tokens + 1
        self._starting[token] = work
        start = StartChild(spec=admit.spec, reply_to=self.actor_ref, token=token, monitor=True)
        assert self._children is not None, "without a supervisor nothing is admitted"
        if not self._children.offer(start):
            self._on_refused(token, Refusal.NOT_STARTED)

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
        if self._early and ref in self._early:
            self._on_terminated(ref, self._early.pop(ref))

    def _on_refused(self, token: int, why: Refusal) -> None:
        work = self._starting.pop(token, None)
        if work is not None:
            self._hear_end(work, NO_PROC)
            work.refuse(why)

    def _on_terminated(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        if ref is self._children:
            # Nobody is left to answer.
            self._counted_token = self._tokens
            self.take_count(())
        elif ref in self._running:
            work = self._running.pop(ref)
            if work is not None:
                self._hear_end(work, reason)
        elif self._starting:
            self._early[ref] = reason

    def _hear_end(self, work: Work, reason: ExitReason) -> None:
        self._breakers.heard(work.asked.keys, work.probes, reason)

    # --- counting anew ---------------------------------------------------------------------------

    def _count(self, children: ActorRef[StartChild | ListChildren]) -> None:
        """Let nobody in until it is known who runs. The question follows all starts before it."""
        self._is_counting = True
        # A number of its own, so that its answer is told from those to earlier questions.
        self._tokens += 1
        self._counted_token = self._tokens
        self._ask_who_runs(children)

    def _ask_who_runs(self, children: ActorRef[StartChild | ListChildren]) -> None:
        question = ListChildren(reply_to=self.actor_ref, token=self._counted_token)
        if children.offer(question):
            self.start_timer(CountDue, CountDue(), COUNT_AGAIN_S)
        elif children.is_alive():
            self.start_timer(CountDue, CountDue(), COUNT_RETRY_S)
        else:
            self.take_count(())

    def _on_children(self, refs: tuple[ActorRef[Any], ...], token: int) -> None:
        # The answer to an earlier question, or life, knows nothing of what came after.
        if self._is_counting and token == self._counted_token:
            self.take_count(refs)

    def take_count(self, refs: tuple[ActorRef[Any], ...]) -> None:
        """Learn who runs; what was asked for before the question, and does not, was lost."""
        self._is_counting = False
        self.cancel_timer(CountDue)
        for ref in refs:
            if ref not in self._running:
                self._running[ref] = None
                self.monitor(ref)
        for token in [token for token in self._starting if token <= self._counted_token]:
            self._on_refused(token, Refusal.NOT_STARTED)
        self._tell_count()

    # --- other workers ---------------------------------------------------------------------------

    def _on_others(
        self, message: CountPermits | ShareChanged | ShareOver | FailuresElsewhere
    ) -> None:
        match message:
            case CountPermits(reply_to=reply_to):
                self._has_told_count = False
                # While it is not known who runs, there is nothing to say.
                if not self._is_counting:
                    reply_to.offer(self._permits_counted())
            case ShareChanged(share=share, lasts_s=lasts_s, number=number):
                self._share, self._share_number = share, number
                self._has_told_count = False
                self.start_timer(ShareOver, ShareOver(), lasts_s)
            case ShareOver():
                self._share = None
            case FailuresElsewhere(news=news, at_s=at_s):
                self._breakers.heard_elsewhere(news, at_s)

    def _limit_changed(self, running_max: int) -> None:
        self._running_max = running_max
        self._tell_count()

    def _tell_count(self) -> None:
        """Say unasked how things stand; once, until an answer comes."""
        if self._sharer is None or self._has_told_count:
            return
        sharer = self.system.find(self._sharer)
        if sharer is not None:
            self._has_told_count = sharer.offer(self._permits_counted())

    def _permits_counted(self) -> PermitsCounted:
        return PermitsCounted(
            running=self.in_use,
            waiting=self._waiting.count,
            share=self._share,
            total=self._running_max,
            life=self.life,
            number=self._share_number,
        )

    def _pass_on(self, news: KeyNews) -> None:
        exchange = None if self._exchange is None else self.system.find(self._exchange)
        if exchange is not None:
            at_s = self.system.clock.now_s()
            exchange.offer(KeyTurned(news=replace(news, gate=self.name), at_s=at_s))


def _found(
    system: ActorSystem, address: ActorRef[StartChild | ListChildren] | str | None
) -> ActorRef[StartChild | ListChildren] | None:
    if not isinstance(address, str):
        return address
    ref = system.find(address)
    if ref is None:
        raise LookupError(f"no actor is called {address!r}; start it before the gate")
    return ref
