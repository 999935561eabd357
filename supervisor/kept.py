"""What a supervisor remembers of one child, and how it judges that child's failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from msgspec import Struct

from actors.kernel.child_spec import ChildSpec, Intensity, RestartPolicy, Then
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, ExitReason, Killed
from supervisor.backoff import delay_s
from supervisor.breaker import CLOSED, Open, State, failed
from supervisor.intensity import record_restart


class Stand(Enum):
    """Where a child is, as its supervisor sees it."""

    STARTING = "starting"
    UP = "up"
    TO_STOP = "to stop"
    STOPPING = "stopping"
    DOWN = "down"
    HELD = "held"


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
STARTING, UP, TO_STOP, STOPPING, DOWN, HELD = Stand


@dataclass(frozen=True, slots=True)
class Again:
    """Start it again in `delay_s` seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class TooOften:
    """Its own policy bears no more: do what `RestartPolicy.then` says."""


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """The supervisor's budget bears no more: the supervisor fails."""


Verdict = Again | TooOften | BudgetSpent


class Budget:
    """The supervisor's own restart intensity, over all children without one of their own."""

    def __init__(self, limit: Intensity) -> None:
        self._limit = limit
        self._history_s: tuple[float, ...] = ()

    def spend(self, now_s: float) -> bool:
        """Record one restart. False: that was one too many."""
        kept_s = record_restart(self._history_s, now_s=now_s, limit=self._limit)
        if kept_s is None:
            return False
        self._history_s = kept_s
        return True


class Kept(Struct, eq=False):
    """One child's book: its spec, its stand, and its failures so far. Each is itself alone.

    Attributes:
        up_since_s: when this life became ready; None as long as, or since, it is not.
        is_reminded: a timer was started for it; nearly always there is none to call off.
        comes_back: it is stopped for a sibling's sake only, and starts again with it.
    """

    spec: ChildSpec[Any]
    ref: ActorRef[Any] | None = None
    stand: Stand = DOWN
    due_s: float = 0.0
    up_since_s: float | None = None
    failures: int = 0
    restarts: int = 0
    history_s: tuple[float, ...] = ()
    breaker: State = CLOSED
    is_reminded: bool = False
    comes_back: bool = False

    @property
    def name(self) -> str:
        """The child's name for people."""
        return self.spec.name if self.ref is None else self.ref.cell.name

    def judge(
        self, reason: ExitReason, *, now_s: float, budget: Budget, chance: Callable[[], float]
    ) -> Verdict:
        """Decide what follows the end of this child's life.

        Args:
            reason: how it ended.
            now_s: when.
            budget: the supervisor's, used when the child's policy has no intensity.
            chance: draws the jitter, between 0 and 1.
        """
        policy = self.spec.policy
        if not is_counted(policy, reason):
            return TooOften()
        self._count_failure(now_s)
        if policy.then is Then.HOLD:
            self.record_failure(now_s, floor_of(reason))
            if isinstance(self.breaker, Open):
                return TooOften()
        if policy.intensity is None:
            if not budget.spend(now_s):
                return BudgetSpent()
        elif policy.then is not Then.HOLD:
            kept_s = record_restart(self.history_s, now_s=now_s, limit=policy.intensity)
            if kept_s is None:
                return TooOften()
            self.history_s = kept_s
        return Again(
            delay_s(
                policy.backoff,
                failures=self.failures,
                chance=chance() if policy.backoff.jitter else 0.0,
                floor_s=floor_of(reason),
            )
        )

    def _count_failure(self, now_s: float) -> None:
        """One more failure in a row, unless a healthy life lies between."""
        up_since_s, self.up_since_s = self.up_since_s, None
        reset_after_s = self.spec.policy.backoff.reset_after_s
        if up_since_s is not None and now_s - up_since_s >= reset_after_s:
            self.failures = 0
        self.failures += 1

    def record_failure(self, now_s: float, floor_s: float | None) -> None:
        """Feed the breaker of a policy that holds: by ends and by survived errors alike."""
        self.breaker = failed(self.breaker, now_s=now_s, policy=self.spec.policy, floor_s=floor_s)


def is_counted(policy: RestartPolicy, reason: ExitReason) -> bool:
    """Say whether the policy tries again after this end: any end but an error it does not list."""
    return not isinstance(reason, Crashed) or policy.is_counted(reason.error)


def floor_of(reason: ExitReason) -> float | None:
    """Return the wait that the failure itself asked for, in seconds, or None."""
    if isinstance(reason, Crashed):
        floor_s = getattr(reason.error, "retry_after_s", None)
        return float(floor_s) if isinstance(floor_s, int | float) else None
    return None


def is_failure(reason: ExitReason) -> bool:
    """Say whether an end speaks against the child's health."""
    return isinstance(reason, Crashed | Killed)
