"""Keeps an ordered set of children alive (OTP `supervisor`).

Lifetime   as its own `ChildSpec` says.
Receives   ChildStarted, ChildExited, ChildFaltered, ChildSucceeded   from the runtime
           Shutdown     stop the children in reverse order, then end
           StartChild   add a child at the end of the order
           StopChild    shut one child down and forget it
           ListChildren who lives
           RestartDue   a note to itself: a backoff or a hold is over
Sends      StartedChild, StartRefused, Children

What is to be done is never remembered as a plan: after each event `_reconcile` looks at where
every child stands and takes the next step. A failure in the middle of another restart therefore
cannot be lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias, assert_never

from actors.kernel.child_spec import (
    Children,
    ChildSpec,
    Intensity,
    ListChildren,
    RestartDue,
    StartChild,
    StartedChild,
    StartRefused,
    StopChild,
    Then,
)
from actors.kernel.errors import SpawnFailed
from actors.kernel.executors import LATER
from actors.kernel.parent import ParentActor
from actors.kernel.ref import ActorRef
from actors.kernel.signals import (
    STOPPED,
    ChildExited,
    ChildFaltered,
    ChildStarted,
    ChildSucceeded,
    Crashed,
    ExitReason,
    Shutdown,
)
from supervisor.breaker import Closed, HalfOpen, Open, succeeded
from supervisor.errors import ChildFailed, RestartLimitReached, SupervisionError
from supervisor.kept import (
    DOWN,
    HELD,
    STARTING,
    STOPPING,
    TO_STOP,
    UP,
    Again,
    Budget,
    BudgetSpent,
    Kept,
    floor_of,
    is_counted,
)
from supervisor.strategy import AutoShutdown, Strategy, concerned, ends_supervisor

SupervisorMessage: TypeAlias = (
    ChildStarted
    | ChildExited
    | ChildFaltered
    | ChildSucceeded
    | Shutdown
    | StartChild
    | StopChild
    | ListChildren
    | RestartDue
)

DEFAULT_INTENSITY = Intensity(restarts_max=3, window_s=5.0)

# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_ONE_FOR_ONE = Strategy.ONE_FOR_ONE

# The most children that one static supervisor keeps, those added later included.
CHILDREN_MAX = 1000


class Supervisor(ParentActor[SupervisorMessage]):
    """See the module docstring.

    Args:
        children: in start order; names, where given, are unique.
        strategy: whom the failure of one child concerns.
        intensity: restarts that this supervisor bears before it fails itself.
        auto_shutdown: whether the end of significant children ends it.
    """

    handles_shutdown = True

    def __init__(
        self,
        children: Sequence[ChildSpec[Any]] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity = DEFAULT_INTENSITY,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    ) -> None:
        self._kept = [Kept(spec) for spec in children]
        self._strategy = strategy
        self._lives_hang_together = strategy is not _ONE_FOR_ONE
        self._budget = Budget(intensity)
        self._auto_shutdown = auto_shutdown
        self._is_booting = True
        self._ending: ExitReason | None = None
        self._deadline_s = math.inf
        self._now_s = self.system.clock.now_s

    # --- start -----------------------------------------------------------------------------------

    def on_start(self) -> object:  # type: ignore[override]  # may be LATER
        """Start the children in order; the start is complete when the last one is.

        Raises:
            SpawnFailed: a child could not be made; those before it end at once, with this life.
        """
        self._reconcile()
        if isinstance(self._ending, Crashed):
            raise self._ending.error
        return LATER if self._is_booting else None

    # --- messages --------------------------------------------------------------------------------

    def receive(self, message: SupervisorMessage) -> None:
        """See the module docstring."""
        match message:  # What comes most often stands first.
            case ChildExited():
                self._on_exited(message)
            case StartChild():
                self._on_start_child(message)
            case ChildStarted(ref=ref):
                self._on_started(ref)
            case ChildFaltered(ref=ref, error=error):
                self._on_faltered(ref, error)
            case ChildSucceeded(ref=ref):
                self._on_succeeded(ref)
            case Shutdown(deadline_s=deadline_s):
                self._deadline_s = deadline_s
                self._end_with(STOPPED)
            case StopChild(ref=ref):
                self._on_stop_child(ref)
            case ListChildren(reply_to=reply_to, token=token):
                live = (k.ref for k in self._kept if k.stand is UP and k.ref is not None)
                self.answer(reply_to, Children(refs=tuple(live), token=token))
            case RestartDue(ref=ref):
                self._on_due(ref)
            case _:
                assert_never(message)

    def _on_started(self, ref: ActorRef[Any]) -> None:
        kept = self._find(ref)
        # Still ready: word of an earlier life may have been held up on its way.
        if kept is not None and kept.stand is STARTING and self.is_ready(ref):
            self._is_up(kept)
            self._reconcile()

    def _on_exited(self, exited: ChildExited) -> None:
        kept = self._find(exited.ref)
        if kept is None:
            return
        failed_start = self._is_booting and kept.stand is STARTING and not kept.restarts
        comes_back = kept.comes_back and exited.is_waiting
        if self._ending is not None or (kept.stand is STOPPING and not comes_back):
            self._close(kept, exited.reason)
        elif failed_start or exited.escalates:
            self._fail(kept, exited.reason, ChildFailed(kept.name))
        elif not exited.is_waiting:
            self._forget(kept, exited.reason)
        elif kept.stand in (STOPPING, TO_STOP):
            # It was stopped for a sibling's sake, or ended before its turn: back with the others.
            kept.stand = DOWN
        elif kept.stand is not HELD:  # What is held stays so until its probe.
            kept.stand = DOWN
            self._failed(kept, exited.reason)
        self._reconcile()

    def _on_start_child(self, message: StartChild) -> None:
        reply_to, token = message.reply_to, message.token
        if self._ending is not None or len(self._kept) >= CHILDREN_MAX:
            reason = "stopping" if self._ending is not None else "full"
            self.answer(reply_to, StartRefused(reason=reason, token=token))
            return
        kept = Kept(message.spec)
        try:
            self._start(kept)
        except SpawnFailed as error:
            refused = StartRefused(reason="did not start", error=error, token=token)
            self.answer(reply_to, refused)
            return
        self._kept.append(kept)
        assert kept.ref is not None, "a started child has a ref"
        self.answer(reply_to, StartedChild(ref=kept.ref, token=token))
        if reply_to is not None and message.monitor:
            kept.ref.cell.watch(reply_to.cell, reply_to.cell.signal)

    def _on_stop_child(self, ref: ActorRef[Any]) -> None:
        kept = self._find(ref)
        if kept is not None:
            kept.comes_back = False
            self._stop_child(kept)
            self._reconcile()

    def _on_due(self, ref: ActorRef[Any]) -> None:
        kept = self._find(ref)
        if kept is not None and kept.stand is HELD:
            self._probe(kept)
        elif kept is not None and kept.stand is DOWN and kept.due_s > self._now_s():
            # The reminder came early, or the wait has grown since: nobody else would remember.
            self._remind(kept, kept.due_s)
        self._reconcile()

    # --- breakers --------------------------------------------------------------------------------

    def _on_faltered(self, ref: ActorRef[Any], error: BaseException) -> None:
        """A child survived an error: its policy may hold it all the same."""
        kept = self._find(ref)
        if kept is None or kept.stand is not UP or kept.spec.policy.then is not Then.HOLD:
            return
        if not kept.spec.policy.is_counted(error):
            return
        kept.record_failure(self._now_s(), floor_of(Crashed(error)))
        if isinstance(kept.breaker, Open):
            self._hold(kept, kept.breaker.until_s)

    def _on_succeeded(self, ref: ActorRef[Any]) -> None:
        kept = self._find(ref)
        if kept is None or not isinstance(kept.breaker, HalfOpen):
            return
        kept.breaker = succeeded(kept.breaker, policy=kept.spec.policy)
        if isinstance(kept.breaker, Closed):
            kept.history_s, kept.failures = (), 0
            self.end_probing(ref)

    def _hold(self, kept: Kept, until_s: float) -> None:
        assert kept.ref is not None, "only a child that was started can be held"
        kept.breaker = Open(until_s)
        kept.stand = HELD
        self.hold_child(kept.ref, until_s)
        self._remind(kept, until_s)

    def _probe(self, kept: Kept) -> None:
        assert kept.ref is not None, "only a child that was started can be held"
        kept.breaker = HalfOpen(is_probing=False)
        if self.is_alive(kept.ref):
            self.begin_probing(kept.ref)
            kept.stand = UP
        else:
            kept.stand, kept.due_s = DOWN, self._now_s()

    def _renew_held(self, kept: Kept) -> None:
        """A held child that lives on must not keep its state past the others' restart."""
        if kept.ref is not None and self.is_alive(kept.ref):
            self._shut_down(kept, keeps_place=True)

    # --- failures --------------------------------------------------------------------------------

    def _failed(self, kept: Kept, reason: ExitReason) -> None:
        """A child that wants to live has ended: again, or what its policy says."""
        verdict = kept.judge(reason, now_s=self._now_s(), budget=self._budget, chance=self._chance)
        match verdict:
            case Again(delay_s=delay_s):
                self._restart_later(kept, self._now_s() + delay_s)
            case BudgetSpent():
                self._fail(kept, reason, RestartLimitReached(kept.name))
            case _:
                self._give_up(kept, reason)

    def _restart_later(self, kept: Kept, due_s: float) -> None:
        """Stop the siblings concerned; all of them start again, in order, when it is due."""
        for other in concerned(self._strategy, self._kept, kept):
            if other.stand in (UP, STARTING):
                other.stand, other.comes_back = TO_STOP, True
            elif other.stand is HELD:
                self._renew_held(other)
            other.due_s = max(other.due_s, due_s)
        if due_s > self._now_s():
            self._remind(kept, due_s)

    def _give_up(self, kept: Kept, reason: ExitReason) -> None:
        match kept.spec.policy.then:
            case Then.HOLD:
                until_s = self._now_s() + kept.spec.policy.hold_s
                if isinstance(kept.breaker, Open):
                    until_s = max(until_s, kept.breaker.until_s)
                self._hold(kept, until_s)
            case Then.STOP:
                self._forget(kept, reason)
            case Then.ESCALATE:
                # An error the policy does not list was never tried again; say which child.
                counted = is_counted(kept.spec.policy, reason)
                error = RestartLimitReached if counted else ChildFailed
                self._fail(kept, reason, error(kept.name))

    def _forget(self, kept: Kept, reason: ExitReason) -> None:
        """A child has ended for good; that may end the supervisor with it."""
        self._close(kept, reason)
        if not kept.spec.is_significant:
            return
        left = 0
        for each in self._kept:
            left += each.spec.is_significant
        if ends_supervisor(self._auto_shutdown, is_significant=True, significant_left=left):
            self._end_with(reason)

    def _fail(self, kept: Kept, reason: ExitReason, error: SupervisionError) -> None:
        """A child has ended for good, and that is a failure of the supervisor."""
        self._close(kept, reason)
        self._end_with(Crashed(error))

    def _close(self, kept: Kept, reason: ExitReason) -> None:
        self._kept.remove(kept)
        if kept.ref is not None:
            if kept.is_reminded:
                self.cancel_timer(kept.ref)
            if kept.ref.is_alive():
                self.close_child(kept.ref, reason)

    def _end_with(self, reason: ExitReason) -> None:
        """Stop everything in reverse order, then end like this."""
        if self._ending is None:
            self._ending = reason
        self._reconcile()

    # --- the next step ---------------------------------------------------------------------------

    def _reconcile(self) -> None:
        if self._ending is not None:
            self._stop_all()
            return
        if self._lives_hang_together and any(
            kept.stand in (STOPPING, TO_STOP) for kept in self._kept
        ):
            self._stop_next()
            return
        self._start_due()
        if self._is_booting:
            for kept in self._kept:
                # What is held did start; to wait for its probe would take longer than a start may.
                if kept.stand is not UP and kept.stand is not HELD:
                    return
            self._is_booting = False
            self.become_ready()

    def _stop_all(self) -> None:
        for kept in reversed(tuple(self._kept)):
            if kept.stand is STOPPING or self._stop_child(kept):
                return
        assert self._ending is not None, "only an end stops everything"
        self.exit(self._ending)

    def _stop_next(self) -> None:
        """Stop the last of those that are to stop, unless one is stopping already."""
        if all(kept.stand is not STOPPING for kept in self._kept):
            self._stop_child([kept for kept in self._kept if kept.stand is TO_STOP][-1])

    def _stop_child(self, kept: Kept) -> bool:
        """Shut a child down, once. True: wait for its `ChildExited`; False: it is gone."""
        if kept.stand is STOPPING:
            return True
        if kept.ref is None or (kept.stand in (DOWN, HELD) and not self.is_alive(kept.ref)):
            self._close(kept, STOPPED)
            return False
        kept.stand = STOPPING
        if not self.is_alive(kept.ref):
            # It ended by itself just now: its `ChildExited` is on the way.
            return True
        self._shut_down(kept, keeps_place=kept.comes_back)
        if self._ending is not None and not kept.ref.is_alive():
            # It took no time, and no child is started any more: what would one wait for?
            self._close(kept, STOPPED)
            return False
        return True

    def _shut_down(self, kept: Kept, *, keeps_place: bool) -> None:
        assert kept.ref is not None, "only a child that was started can be shut down"
        deadline_s = min(self._now_s() + kept.spec.shutdown_s, self._deadline_s)
        self.shut_down_child(kept.ref, deadline_s, keeps_place=keeps_place)

    def _start_due(self) -> None:
        """Start what is down and due, in order; in a strategy of order, wait for each ack."""
        in_order = self._is_booting or self._lives_hang_together
        for kept in tuple(self._kept):
            stand = kept.stand
            if stand is not DOWN:
                if stand is STARTING and in_order:
                    return
                continue
            if kept.due_s > self._now_s():
                if in_order:
                    return
                continue
            try:
                is_up = self._start(kept)
            except Exception as error:  # noqa: BLE001 - any start may fail: it counts like a crash
                self._start_failed(kept, error)
                return
            if in_order and not is_up:
                return

    def _start_failed(self, kept: Kept, error: Exception) -> None:
        if kept.ref is None:
            # Not a restart: the supervisor's own start has failed.
            self._end_with(Crashed(error))
            return
        # The next try is a turn of its own, so that `Shutdown` can come between.
        self.start_timer(self.actor_ref, RestartDue(ref=self.actor_ref), 0.0)
        self._failed(kept, Crashed(error))

    def _start(self, kept: Kept) -> bool:
        """Start or restart a child. False: `ChildStarted` will follow."""
        if kept.ref is None:
            kept.ref = self.spawn(kept.spec)
        else:
            kept.restarts += 1
            is_probe = isinstance(kept.breaker, HalfOpen)
            self.restart_child(kept.ref, as_probe=is_probe)
        kept.stand = STARTING
        kept.comes_back = False
        if not self.is_ready(kept.ref):
            return False
        self._is_up(kept)
        return True

    def _is_up(self, kept: Kept) -> None:
        kept.stand = UP
        kept.up_since_s = self._now_s()

    # --- small things ----------------------------------------------------------------------------

    def _find(self, ref: ActorRef[Any]) -> Kept | None:
        for kept in self._kept:
            if kept.ref is ref:
                return kept
        return None

    def _remind(self, kept: Kept, at_s: float) -> None:
        assert kept.ref is not None, "a reminder is about a child"
        kept.is_reminded = True
        self.start_timer(kept.ref, RestartDue(ref=kept.ref), at_s - self._now_s())

    def _chance(self) -> float:
        return self.system.entropy.uniform(0.0, 1.0)
