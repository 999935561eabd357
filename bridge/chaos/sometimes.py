"""What a campaign must have met, or it has tested less than it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.db_writer import NotSaved
from actors.recall_reader import NotRead
from actors.values import Notice
from bridge.chaos.faults.actor import ActorFaults
from bridge.chaos.faults.answers import CALLING
from bridge.chaos.faults.catalog import ScriptedCatalog
from bridge.chaos.faults.codec import BuggyCodec
from bridge.chaos.faults.logs import LogFaults
from bridge.chaos.faults.mailbox import MailboxFaults
from bridge.chaos.faults.provider import ScriptedProvider
from bridge.chaos.faults.redis import ScriptedRedis
from bridge.chaos.faults.remedies import ScriptedRemedies
from bridge.chaos.faults.sink import Moment
from bridge.chaos.faults.store import ScriptedStore
from bridge.chaos.faults.tools import ScriptedTools
from bridge.chaos.trace import Answer, End
from bridge.chaos.wires import WIRES

# From so many seeds on, whatever was never met is a failure.
SEEDS_ENOUGH: Final = 2_000

_STATES: Final = frozenset(
    {
        "restart: gate",
        "restart: tools",
        "restart: chats",
        "restart: catalog",
        "restart: attempt",
        "restart: tool",
        "attempts given up",
        "tool given up",
        "tools granted",
        "tools granted after a wait",
        "tools refused: held",
        "tools handed over",
        "root gave up",
        "tree closed while busy",
        "tree killed while busy",
        "limit raised",
        "limit lowered",
        "double submit",
        "sink slow reader",
        "sink hand-over full",
        "stop before admission",
        "stop before output",
        "stop in the middle",
        "stop while a tool runs",
        "stop in a later round",
        "stop as it ends",
        "catalog: known",
        "catalog: missing",
        "catalog: no answer",
        "zombie",
    }
)

# A tree that ends stops its chats before the writer could tell them so.
_NOT_SAVED: Final = tuple(reason for reason in NotSaved if reason is not NotSaved.STOPPING)
_STORAGE: Final = frozenset(
    {
        "log assembled",
        "log locked by another",
        "log staged",
        "log written alone",
        "restart: cleaner",
        "restart: committer",
        "restart: log_assembler",
        "restart: permits",
        "restart: reader",
        "restart: session_log",
        "restart: writer",
        "storage asked for another chat's",
        "storage forgets",
        "storage granted",
        "storage line in use",
        "storage marks",
        "storage poisoned",
        "storage refused: held",
        "storage sweeps",
        "storage read",
        "storage saved",
        *(f"storage not read: {reason.value}" for reason in NotRead),
        *(f"storage not saved: {reason.value}" for reason in _NOT_SAVED),
    }
)

_REDIS: Final = frozenset(
    {
        "redis news of other workers",
        "redis rows claimed",
        "redis rows moved",
        "restart: drain",
    }
)

_BREAKERS: Final = frozenset(
    f"breaker {state}: {kind}"
    for state in ("opened", "half-open", "closed again")
    for kind in ("user", "model", "tool", "server", "storage")
)
_NOTICES: Final = frozenset(
    f"notice: {notice.value}"
    for notice in (
        Notice.TOOL_PAUSED,
        Notice.TOOL_ROUNDS_SPENT,
        Notice.CALL_CUT_OFF,
        Notice.EFFORT_CHANGED,
        Notice.ENDPOINT_CHANGED,
        Notice.STORAGE_PAUSED,
        Notice.STORAGE_UNAVAILABLE,
    )
)
_CALLS: Final = frozenset(f"calls {wants.value}" for wants in CALLING)
_STOPS: Final = frozenset(f"stop when {moment.value}" for moment in Moment)

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
        | _STORAGE
        | _BREAKERS
        | _NOTICES
        | _CALLS
        | _STOPS
        | _ANSWERS
        | _ENDS
        | ActorFaults.names()
        | MailboxFaults.names()
        | ScriptedProvider.names(WIRES)
        | ScriptedTools.names()
        | ScriptedRemedies.names(WIRES)
        | ScriptedCatalog.names()
        | ScriptedStore.names()
        | LogFaults.names()
        | ScriptedRedis.names()
        | _REDIS
        | BuggyCodec.names()
    )


def never_met(fired: Mapping[str, int]) -> tuple[str, ...]:
    """Return what should have been met and was not, in alphabetical order."""
    return tuple(sorted(name for name in required() if not fired.get(name)))
