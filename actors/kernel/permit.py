"""What an actor that lives already says to a gate, and what it hears: may it work now?

A gate lets in what is to be started, too; what one says for that is declared beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from actors.kernel.child_spec import RestartPolicy
from actors.kernel.signals import Signal

if TYPE_CHECKING:
    from actors.kernel.ref import ActorRef


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """One key of a piece of work, and the policy that counts its failures.

    `history_max` is how many failures are remembered beyond those of the window, for a policy
    that may change; never fewer than the policy itself needs.
    """

    key: str
    policy: RestartPolicy
    history_max: int = 0


class Refusal(Enum):
    """Why something was not let in.

    FULL: nobody may wait any more, or the wait took too long. HELD: by the policy of a key.
    NOT_STARTED: the gate or its supervisor ended meanwhile, or the start failed.
    """

    FULL = "full"
    HELD = "held"
    NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Signal):
    """It was not let in; nothing was started. `key` is the one that is held."""

    why: Refusal
    retry_after_s: float = 0.0
    key: str = ""
    token: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted(Signal):
    """The holder has a permit until it ends. `token` is that of the `Claim` it answers."""

    token: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Ask a gate for a permit for an actor that lives; answered with `Granted` or `Refused`.

    A holder has one permit at most, and has it until it ends for good; how it ends is what the
    policies of the keys hear. A claim that is repeated is the same claim, so a holder in its
    next life claims as its first did. Who dies while it waits has left the queue.

    A claim that is told is as certain as any message: `offer` says whether the gate's mailbox
    took it, `on_poisoned` hears if the gate crashed on it, and a monitor if the gate has ended.

    Attributes:
        holder: the actor that does the work.
        keys: whose failures count together, and by which policies.
        running_max: permits that may be taken at once, from here on.
        fair_key: claims of one key wait in line; the keys take turns.
        waiting_max: how many may wait at once.
        wait_max_s: how long this one waits, in seconds; an ask by its own deadline if that
            comes first.
        reply_to: gets the answer as a signal, which no full mailbox can lose. Without it the
            claim has to be an ask.
        token: comes back in the answer.
    """

    holder: ActorRef[Any]
    keys: tuple[KeyPolicy, ...]
    running_max: int
    fair_key: str = ""
    waiting_max: int = 1000
    wait_max_s: float = 600.0
    reply_to: ActorRef[Granted | Refused] | None = None
    token: int = 0
