"""Starts children on demand and keeps each by its own spec (Elixir `DynamicSupervisor`).

Lifetime   as its own `ChildSpec` says.
Receives   StartChild   start one, unless `children_max` live already
           StopChild    shut one down and forget it
           ListChildren who lives
           ChildStarted, ChildExited   from the runtime
           Shutdown     stop all children at once, then end
           RestartDue   a note to itself: a backoff is over
Sends      StartedChild, StartRefused, Children

Every step costs the same however many children there are. Children do not know each other, so
one_for_one is the only strategy.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias, assert_never

from actors.kernel.child_spec import (
    Children,
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
from supervisor.errors import ChildFailed, RestartLimitReached
from supervisor.kept import (
    DOWN,
    STARTING,
    STOPPING,
    UP,
    Again,
    Budget,
    BudgetSpent,
    Kept,
    is_counted,
)
from supervisor.static import DEFAULT_INTENSITY

DynamicMessage: TypeAlias = (
    StartChild
    | StopChild
    | ListChildren
    | ChildStarted
    | ChildExited
    | ChildFaltered
    | ChildSucceeded
    | Shutdown
    | RestartDue
)


class DynamicSupervisor(ParentActor[DynamicMessage]):
    """See the module docstring.

    Args:
        children_max: how many children may live at once; one more is refused.
        intensity: restarts that this supervisor bears before it fails itself.
    """

    handles_shutdown = True

    def __init__(self, *, children_max: int, intensity: Intensity = DEFAULT_INTENSITY) -> None:
        self._children_max = children_max
        self._budget = Budget(intensity)
        self._kept: dict[ActorRef[Any], Kept] = {}
        self._ending: ExitReason | None = None
        self._now_s = self.system.clock.now_s

    def receive(self, message: DynamicMessage) -> None:
        """See the module docstring."""
        match message:
            case StartChild():
                self._on_start_child(message)
            case ChildExited():
                self._on_exited(message)
            case ChildStarted(ref=ref):
                kept = self._kept.get(ref)
                if kept is not None and kept.stand is STARTING and self.is_ready(ref):
                    self._is_up(kept)
            case StopChild(ref=ref):
                if (kept := self._kept.get(ref)) is not None:
                    self._stop_child(kept, self._now_s() + kept.spec.shutdown_s)
            case ListChildren(reply_to=reply_to, token=token):
                self.answer(reply_to, Children(refs=tuple(self._kept), token=token))
            case RestartDue(ref=ref):
                self._restart(ref)
            case Shutdown(deadline_s=deadline_s):
                self._end_with(STOPPED, deadline_s)
            case ChildFaltered() | ChildSucceeded():
                pass  # Breakers of children on demand are kept by key, in the gate.
            case _:
                assert_never(message)

    def _on_start_child(self, message: StartChild) -> None:
        reply_to, token = message.reply_to, message.token
        if self._ending is not None or len(self._kept) >= self._children_max:
            reason = "stopping" if self._ending is not None else "full"
            self.answer(reply_to, StartRefused(reason=reason, token=token))
            return
        kept = Kept(message.spec)
        try:
            ref = kept.ref = self.spawn(message.spec)
        except SpawnFailed as error:
            refused = StartRefused(reason="did not start", error=error, token=token)
            self.answer(reply_to, refused)
            return
        self._kept[ref] = kept
        self._is_starting(kept)
        self.answer(reply_to, StartedChild(ref=ref, token=token))
        if reply_to is not None and message.monitor:
            ref.cell.watch(reply_to.cell, reply_to.cell.signal)

    def _on_exited(self, exited: ChildExited) -> None:
        kept = self._kept.get(exited.ref)
        if kept is None:
            return
        was_asked = kept.stand is STOPPING
        if exited.escalates and self._ending is None:
            self._close(exited.ref, exited.reason)
            self._end_with(Crashed(ChildFailed(kept.name)))
        elif not exited.is_waiting or was_asked or self._ending is not None:
            self._close(exited.ref, exited.reason)
        else:
            kept.stand = DOWN
            self._failed(kept, exited.ref, exited.reason)
        self._check_end()

    def _failed(self, kept: Kept, ref: ActorRef[Any], reason: ExitReason) -> None:
        verdict = kept.judge(
            reason,
            now_s=self._now_s(),
            budget=self._budget,
            chance=lambda: self.system.entropy.uniform(0.0, 1.0),
        )
        match verdict:
            case Again(delay_s=delay_s):
                # With no delay as well: a start that fails at once must leave others their turn.
                kept.is_reminded = True
                self.start_timer(ref, RestartDue(ref=ref), delay_s)
            case BudgetSpent():
                self._close(ref, reason)
                self._end_with(Crashed(RestartLimitReached(kept.name)))
            case _:
                self._close(ref, reason)
                if kept.spec.policy.then is Then.ESCALATE:
                    counted = is_counted(kept.spec.policy, reason)
                    error = RestartLimitReached if counted else ChildFailed
                    self._end_with(Crashed(error(kept.name)))

    def _restart(self, ref: ActorRef[Any]) -> None:
        kept = self._kept.get(ref)
        if kept is None or kept.stand is not DOWN or self._ending is not None:
            return
        try:
            self.restart_child(ref)
        except Exception as error:  # noqa: BLE001 - any start may fail: it counts like a crash
            self._failed(kept, ref, Crashed(error))
            return
        kept.restarts += 1
        self._is_starting(kept)

    def _is_starting(self, kept: Kept) -> None:
        assert kept.ref is not None, "every child on demand was started"
        kept.stand = STARTING
        if self.is_ready(kept.ref):
            self._is_up(kept)

    def _is_up(self, kept: Kept) -> None:
        kept.stand, kept.up_since_s = UP, self._now_s()

    def _stop_child(self, kept: Kept, deadline_s: float) -> None:
        assert kept.ref is not None, "every child on demand was started"
        was_down = kept.stand is DOWN
        kept.stand = STOPPING
        if was_down:
            self._close(kept.ref, STOPPED)
        elif self.is_alive(kept.ref):
            self.shut_down_child(kept.ref, deadline_s)

    def _close(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        kept = self._kept.pop(ref, None)
        if kept is not None and kept.is_reminded:
            self.cancel_timer(ref)
        if ref.is_alive():
            self.close_child(ref, reason)

    def _end_with(self, reason: ExitReason, deadline_s: float = math.inf) -> None:
        if self._ending is not None:
            return
        self._ending = reason
        for kept in tuple(self._kept.values()):
            self._stop_child(kept, min(deadline_s, self._now_s() + kept.spec.shutdown_s))
        self._check_end()

    def _check_end(self) -> None:
        if self._ending is not None and not self._kept:
            self.exit(self._ending)
