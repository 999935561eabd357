"""What a campaign must have met, or it has tested less than it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.chaos.faults.actor import ActorFaults
from bridge.chaos.faults.catalog import ScriptedCatalog
from bridge.chaos.faults.codec import BuggyCodec
from bridge.chaos.faults.mailbox import MailboxFaults
from bridge.chaos.faults.provider import ScriptedProvider
from bridge.chaos.trace import Answer, End

# From so many seeds on, whatever was never met is a failure.
SEEDS_ENOUGH: Final = 500

_STATES: Final = frozenset(
    {
        "breaker opened",
        "breaker half-open",
        "breaker closed again",
        "restart: gate",
        "restart: chats",
        "restart: catalog",
        "restart: attempt",
        "attempts given up",
        "root gave up",
        "tree closed while busy",
        "limit raised",
        "limit lowered",
        "double submit",
        "sink slow reader",
        "sink hand-over full",
        "stop before admission",
        "stop before output",
        "stop in the middle",
        "stop as it ends",
        "catalog: known",
        "catalog: missing",
        "catalog: no answer",
        "zombie",
    }
)

# A gate that did not answer for ten minutes would be a finding, not a state to be met.
_ANSWERS: Final = frozenset(
    f"gate: {answer.value}"
    for answer in Answer
    if answer not in (Answer.TIMED_OUT, Answer.LEFT, Answer.GATE_GONE)
)
_ENDS: Final = frozenset(f"end: {end.value}" for end in End if end is not End.CANCELLED)


def required() -> frozenset[str]:
    """Return the names of all faults and states that a whole campaign has to meet."""
    return (
        _STATES
        | _ANSWERS
        | _ENDS
        | ActorFaults.names()
        | MailboxFaults.names()
        | ScriptedProvider.names()
        | ScriptedCatalog.names()
        | BuggyCodec.names()
    )


def never_met(fired: Mapping[str, int]) -> tuple[str, ...]:
    """Return what should have been met and was not, in alphabetical order."""
    return tuple(sorted(name for name in required() if not fired.get(name)))
