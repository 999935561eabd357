"""What the runtime tells actors. Signals travel in the system lane, before all messages.

How a life ends is an `ExitReason`. The kernel never looks into the error of a `Crashed`; a
supervisor's restart policy does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef


@dataclass(frozen=True, slots=True)
class Normal:
    """The actor stopped itself; its work is done."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Its parent or the system asked it to shut down, and it did."""


@dataclass(frozen=True, slots=True)
class Killed:
    """It was killed, or the handler it was in got cancelled."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """A handler or a hook raised. The error's text may be private, so it stays out of `repr`."""

    error: BaseException = field(repr=False)

    @property
    def kind(self) -> str:
        """The class name of the error, which is all that a log needs."""
        return type(self.error).__name__


@dataclass(frozen=True, slots=True)
class NoProc:
    """There was no such actor any more when somebody began to monitor it."""


ExitReason: TypeAlias = Normal | Stopped | Killed | Crashed | NoProc

NORMAL = Normal()
STOPPED = Stopped()
KILLED = Killed()
NO_PROC = NoProc()


def is_abnormal(reason: ExitReason) -> bool:
    """Say whether a transient child that ended this way is restarted (OTP: not normal)."""
    return isinstance(reason, Crashed | Killed)


class Signal:
    """Marks what travels in the system lane."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Terminated(Signal):
    """A monitored actor has ended for good. Sent exactly once per monitor."""

    ref: ActorRef[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class LinkBroken(Signal):
    """A linked actor has ended; only actors with `traps_exits` hear it, others end with it."""

    ref: ActorRef[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Shutdown(Signal):
    """Finish what is in hand and end before `deadline_s` (monotonic), or be killed."""

    deadline_s: float


@dataclass(frozen=True, slots=True)
class PipeFailed(Signal):
    """To the actor itself: piped work raised, and nothing was said about that: it crashes."""

    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChildStarted(Signal):
    """To the parent: a child's `on_start` has returned; it takes messages now."""

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class ChildExited(Signal):
    """To the parent: a child's life is over.

    `is_waiting`: the cell keeps its ref and its mail and waits for the parent's word (restart,
    hold or close). `may_restart` is the child's own wish at the moment of its end.
    """

    ref: ActorRef[Any]
    reason: ExitReason
    is_waiting: bool
    escalates: bool = False


@dataclass(frozen=True, slots=True)
class ChildFaltered(Signal):
    """To the parent: a child met an error that it survived (an isolated failure)."""

    ref: ActorRef[Any]
    error: BaseException = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChildSucceeded(Signal):
    """To the parent: a held child handled its probe without failing."""

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class Poisoned(Signal):
    """To a sender: the receiver crashed on a message of this class; it is not redelivered."""

    ref: ActorRef[Any]
    message_class: str
