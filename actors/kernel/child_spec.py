"""How a child wishes to be kept, as data; and what actors say to supervisors.

One vocabulary serves retry, restart and circuit breaker: a `RestartPolicy`. An attempt is an
actor, a failure is its end (or an error it survived), and whether, when and how often the next
attempt starts is decided here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

from actors.kernel.mailbox import DEFAULT_MAILBOX, MailboxSpec
from actors.kernel.signals import Signal

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.ref import ActorRef

M = TypeVar("M")


class Restart(Enum):
    """After which ends a child is started again (OTP child spec, `restart`)."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Directive(Enum):
    """What an error in a handler means for the actor (Akka's decider)."""

    ISOLATE = "isolate"
    RESTART = "restart"
    STOP = "stop"
    ESCALATE = "escalate"


class Then(Enum):
    """What follows when the intensity is passed."""

    ESCALATE = "escalate"
    STOP = "stop"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Give up once more than `restarts_max` restarts fall inside `window_s` seconds."""

    restarts_max: int
    window_s: float

    def __post_init__(self) -> None:
        if self.restarts_max < 0 or not self.window_s > 0:
            raise ValueError(
                f"intensity {self.restarts_max} in {self.window_s} s: give 0 or more restarts "
                "and a window over 0 s"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before a restart: `min_s`, growing by `factor`, never over `max_s`.

    `jitter` takes up to that fraction off, so that a crowd does not come back at once. After
    `reset_after_s` seconds of healthy life the next failure starts at `min_s` again. A floor
    named by the failure itself (`Retry-After`) is honoured up to `floor_max_s`.
    """

    min_s: float = 0.0
    max_s: float = 0.0
    factor: float = 2.0
    jitter: float = 0.0
    reset_after_s: float = 60.0
    floor_max_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_s <= self.max_s < math.inf:
            raise ValueError(
                f"backoff from {self.min_s} s to {self.max_s} s: give 0 <= min <= max, both finite"
            )
        if self.factor < 1 or not 0 <= self.jitter <= 1:
            raise ValueError(
                f"backoff factor {self.factor} and jitter {self.jitter}: give a factor of 1 or "
                "more and a jitter between 0 and 1"
            )


NO_BACKOFF = Backoff()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Which failures count, how many are borne, how fast to try again, and what then.

    Attributes:
        counts, spares: classes of error that are worth another attempt, and exceptions from
            them; a child that fails with any other error is not restarted by this policy but
            treated as `then` says at once.
        intensity: the budget of restarts; None leaves it to the supervisor's own budget alone.
        backoff: the wait before each restart.
        then: what follows when the budget is spent. `HOLD` is the open circuit breaker: the
            child is refused at once for `hold_s`, then one probe goes through.
        hold_s: seconds of refusal before each probe.
        probes_needed: successful probes in a row that close the breaker again.
    """

    counts: tuple[type[BaseException], ...] = (BaseException,)
    spares: tuple[type[BaseException], ...] = ()
    intensity: Intensity | None = None
    backoff: Backoff = NO_BACKOFF
    then: Then = Then.ESCALATE
    hold_s: float = 30.0
    probes_needed: int = 1

    def is_counted(self, error: BaseException) -> bool:
        """Say whether this error is one that the policy counts."""
        return isinstance(error, self.counts) and not isinstance(error, self.spares)


DEFAULT_POLICY = RestartPolicy()


class ChildSpec(Struct, Generic[M], frozen=True, kw_only=True):
    """What a supervisor needs to know to start a child and to keep it.

    Attributes:
        start: makes the actor: its class, or a `functools.partial` of it.
        name: unique under its parent; "" gives it a number.
        restart: the child's wish; it may still turn itself temporary while it lives.
        is_significant: its end may end its supervisor (`AutoShutdown`).
        shutdown_s: seconds it gets to finish when asked to; 0 kills at once (OTP: brutal_kill).
        start_timeout_s: seconds that an asynchronous `on_start` may take.
        mailbox: the bounds of its mailbox.
        policy: when and how often it is started again.
        redeliveries_max: how often a message that crashed the actor is given to its next life.
        deciders: error classes and what they mean, first match wins; see `Directive`.
        labels: whatever its parents want to count it by; shown in reports.
    """

    start: Callable[[], Actor[M]]
    name: str = ""
    restart: Restart = Restart.PERMANENT
    is_significant: bool = False
    shutdown_s: float = 5.0
    start_timeout_s: float = 30.0
    mailbox: MailboxSpec = DEFAULT_MAILBOX
    policy: RestartPolicy = DEFAULT_POLICY
    redeliveries_max: int = 0
    deciders: tuple[tuple[type[BaseException], Directive], ...] = ()
    labels: tuple[str, ...] = ()


# --- what actors say to supervisors -----------------------------------------------------------


class StartChild(Struct, frozen=True, kw_only=True):
    """Start this child. Answered with `StartedChild` or `StartRefused`.

    The answers are signals, so that no full mailbox can lose one. With `monitor`, `reply_to`
    watches the child from its first moment, so that no end, however early, is missed.
    """

    spec: ChildSpec[Any]
    reply_to: ActorRef[StartedChild | StartRefused] | None = None
    token: int = 0
    monitor: bool = False


class StartedChild(Struct, Signal, frozen=True, kw_only=True):
    """The child runs. `token` is that of the `StartChild` it answers."""

    ref: ActorRef[Any]
    token: int = 0


class StartRefused(Struct, Signal, frozen=True, kw_only=True):
    """No child was started: the supervisor is full or stopping, or the start failed."""

    reason: str
    error: BaseException | None = None
    token: int = 0

    def __repr__(self) -> str:
        return f"StartRefused({self.reason}, {type(self.error).__name__}, {self.token})"


class StopChild(Struct, frozen=True, kw_only=True):
    """Shut this child down and forget it; harmless when it is gone already."""

    ref: ActorRef[Any]


class RestartDue(Struct, frozen=True, kw_only=True):
    """A supervisor's note to itself: the backoff or hold of this child may be over."""

    ref: ActorRef[Any]


class ListChildren(Struct, frozen=True, kw_only=True):
    """Ask a supervisor who lives; answered with `Children`, which repeat the `token`."""

    reply_to: ActorRef[Children]
    token: int = 0


class Children(Struct, Signal, frozen=True, kw_only=True):
    """The live children of a supervisor, oldest first."""

    refs: tuple[ActorRef[Any], ...]
    token: int = 0
