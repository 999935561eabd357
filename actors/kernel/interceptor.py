"""Around every send and every receive: tracing, metrics, faults.

Production code never asks whether anything intercepts; with no interceptor the cost is one look
at an empty tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.envelope import Envelope
    from actors.kernel.signals import Signal


@dataclass(frozen=True, slots=True)
class Drop:
    """Lose the message; it is counted as a dead letter."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Deliver the message `after_s` seconds later."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Deliver the message twice."""


@dataclass(frozen=True, slots=True)
class Overtake:
    """Put the message before all that wait in the mailbox."""


SendVerdict: TypeAlias = Drop | Delay | Duplicate | Overtake | None


class Interceptor:
    """Override what you need; the defaults let everything pass."""

    def sending(self, cell: Cell, envelope: Envelope) -> SendVerdict:
        """Judge a message before it enters the mailbox of `cell`; None lets it pass."""
        return None

    def sent(self, cell: Cell, envelope: Envelope, was_taken: bool) -> None:
        """See a message after its mailbox took or refused it."""

    def signalling(self, cell: Cell, signal: Signal) -> float:
        """Return seconds to delay a signal by; signals are never dropped."""
        return 0.0

    def receiving(self, cell: Cell, envelope: Envelope) -> float:
        """Called before the handler; return seconds for which the actor hangs first.

        Raising here is a crash in the handler.
        """
        return 0.0

    def received(self, cell: Cell, envelope: Envelope, error: BaseException | None) -> None:
        """Called after the handler, with what it raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The methods that interceptors really override, in their order.

    Looked up once: a call that only returns its default costs as much as the rest of a send.
    """

    sending: tuple[Callable[[Cell, Envelope], SendVerdict], ...]
    sent: tuple[Callable[[Cell, Envelope, bool], None], ...]
    signalling: tuple[Callable[[Cell, Signal], float], ...]
    receiving: tuple[Callable[[Cell, Envelope], float], ...]
    received: tuple[Callable[[Cell, Envelope, BaseException | None], None], ...]


def hooks_of(interceptors: tuple[Interceptor, ...]) -> Hooks:
    """Collect what these interceptors override."""

    def overridden(name: str) -> tuple[Any, ...]:
        default = getattr(Interceptor, name)
        return tuple(
            getattr(interceptor, name)
            for interceptor in interceptors
            if getattr(type(interceptor), name) is not default
        )

    return Hooks(
        sending=overridden("sending"),
        sent=overridden("sent"),
        signalling=overridden("signalling"),
        receiving=overridden("receiving"),
        received=overridden("received"),
    )
