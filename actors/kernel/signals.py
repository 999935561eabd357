"""What the runtime tells actors. Signals travel in the system lane, before all messages.

Several are made for every life, so they are structs: as frozen as a dataclass, at a fifth of the
cost. How a life ends is an `ExitReason`. The kernel never looks into the error of a `Crashed`; a
supervisor's restart policy does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef


class Normal(Struct, frozen=True):
    """The actor stopped itself; its work is done."""


class Stopped(Struct, frozen=True):
    """Its parent or the system asked it to shut down, and it did."""


class Killed(Struct, frozen=True):
    """It was killed, or the handler it was in got cancelled."""


class Crashed(Struct, frozen=True):
    """A handler or a hook raised. The error's text may be private, so it stays out of `repr`."""

    error: BaseException

    @property
    def kind(self) -> str:
        """The class name of the error, which is all that a log needs."""
        return type(self.error).__name__

    def __repr__(self) -> str:
        return f"Crashed({self.kind})"


class NoProc(Struct, frozen=True):
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


class Terminated(Struct, Signal, frozen=True):
    """A monitored actor has ended for good. Sent exactly once per monitor."""

    ref: ActorRef[Any]
    reason: ExitReason


class LinkBroken(Struct, Signal, frozen=True):
    """A linked actor has ended; only actors with `traps_exits` hear it, others end with it."""

    ref: ActorRef[Any]
    reason: ExitReason


class Shutdown(Struct, Signal, frozen=True):
    """Finish what is in hand and end before `deadline_s` (monotonic), or be killed."""

    deadline_s: float


class PipeFailed(Struct, Signal, frozen=True):
    """To the actor itself: piped work raised, and nothing was said about that: it crashes."""

    error: BaseException

    def __repr__(self) -> str:
        return f"PipeFailed({type(self.error).__name__})"


class ChildStarted(Struct, Signal, frozen=True):
    """To the parent: a child's `on_start` has returned; it takes messages now."""

    ref: ActorRef[Any]


class ChildExited(Struct, Signal, frozen=True):
    """To the parent: a child's life is over.

    `is_waiting`: the cell keeps its ref and its mail and waits for the parent's word (restart,
    hold or close). `may_restart` is the child's own wish at the moment of its end.
    """

    ref: ActorRef[Any]
    reason: ExitReason
    is_waiting: bool
    escalates: bool = False


class ChildFaltered(Struct, Signal, frozen=True):
    """To the parent: a child met an error that it survived (an isolated failure)."""

    ref: ActorRef[Any]
    error: BaseException

    def __repr__(self) -> str:
        return f"ChildFaltered({self.ref!r}, {type(self.error).__name__})"


class ChildSucceeded(Struct, Signal, frozen=True):
    """To the parent: a held child handled its probe without failing."""

    ref: ActorRef[Any]


class Poisoned(Struct, Signal, frozen=True):
    """To a sender: the receiver crashed on a message of this class; it is not redelivered."""

    ref: ActorRef[Any]
    message_class: str
