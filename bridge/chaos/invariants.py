"""What must hold after every run, whatever broke in it. Pure functions over the trace.

The numbers are those of the list that the project keeps of its promises; each function returns
one sentence per breach, and an empty list when all is well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from actors.kernel.cell import KILL_GRACE_S
from bridge.chaos.faults.mailbox import SIGNAL_DELAY_MAX_S
from bridge.chaos.invariants_chats import (
    SLACK_S,
    calls_have_permits,
    monitors_fire_once,
    no_retry_after_output,
    one_answer,
    one_end,
    remedies_are_used_once,
    right_history,
    right_text,
    stops_are_prompt,
)
from bridge.chaos.invariants_gates import (
    breakers_keep_the_law,
    limits_hold,
    nobody_is_forgotten,
    turns_are_fair,
)
from bridge.chaos.invariants_storage import (
    chats_are_apart,
    logs_are_apart,
    logs_are_kept,
    marks_are_kept,
    only_replayed_is_forgotten,
    rows_are_kept_once,
    storage_holds_nobody_up,
)
from bridge.chaos.invariants_tools import (
    right_calls,
    runs_have_permits,
    tools_are_told,
    tools_run_once,
    tools_stop,
)
from bridge.chaos.trace import Breach, Lived, Trace

# An ask from a door waits for admission, and nothing waits longer.
ASK_MAX_S: Final = 600.0

Check = Callable[[Trace], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One promise, and how to see whether it was kept."""

    name: str
    promise: str
    check: Check


def asks_resolve(trace: Trace) -> Sequence[str]:
    """Say which questions had no deadline, or no answer by then."""
    broken = []
    for ask in trace.asks:
        if not ask.deadline_s - ask.asked_s <= ASK_MAX_S + SLACK_S:
            broken.append(f"a {ask.question} may wait for {ask.deadline_s - ask.asked_s:.0f} s")
        elif ask.answered_s is None or ask.answered_s > ask.deadline_s + SLACK_S:
            broken.append(f"a {ask.question} was not answered by its deadline")
    return broken


def restarts_are_bounded(trace: Trace) -> Sequence[str]:
    """Say who was restarted more often than its policy bears.

    A supervisor may hear of an end a little late, so windows are a little shorter here.
    """
    by_actor: defaultdict[str, list[Lived]] = defaultdict(list)
    for each in trace.lived:
        by_actor[each.actor].append(each)
    broken = []
    for actor, lives in by_actor.items():
        limit = lives[0].limit
        window_s = limit.window_s - 2 * SIGNAL_DELAY_MAX_S
        most = limit.restarts_max
        pairs = zip(lives, lives[most:], strict=False)
        if any(last.ended_s - first.ended_s <= window_s for first, last in pairs):
            broken.append(f"{actor} was restarted more than {most} times in {limit.window_s:.0f} s")
    return broken


def shutdowns_finish(trace: Trace) -> Sequence[str]:
    """Say which shutdown took longer than it was given, or left something behind."""
    broken = []
    for number, closing in enumerate(trace.closings, 1):
        if closing.elapsed_s > closing.grace_s + KILL_GRACE_S + SLACK_S:
            broken.append(f"shutdown {number} took {closing.elapsed_s:.3f} s")
        if closing.abandoned or closing.live:
            broken.append(f"shutdown {number} left behind: {', '.join(closing.abandoned)}")
        if closing.zombies:
            broken.append(f"shutdown {number} left {closing.zombies} zombies")
    return broken


INVARIANTS: Final = (
    Invariant(
        name="one answer",
        promise="1: who asks to come in is told once, yes or no",
        check=one_answer,
    ),
    Invariant(
        name="one end",
        promise="1: an admitted request gets one terminal outcome, and nothing after it",
        check=one_end,
    ),
    Invariant(
        name="text",
        promise="7: what is shown is the answer's beginning, each word once and in order",
        check=right_text,
    ),
    Invariant(
        name="history",
        promise="SPEC 69: each round follows what was said, and one output for each call, in order",
        check=right_history,
    ),
    Invariant(
        name="no retry after output",
        promise="SPEC 83: nothing is asked for again once something was shown",
        check=no_retry_after_output,
    ),
    Invariant(
        name="remedies",
        promise="SPEC 101, 119-122: a remedy is tried once in a chat",
        check=remedies_are_used_once,
    ),
    Invariant(
        name="tools run once",
        promise="SPEC 72: no call is run again once it may have had an effect",
        check=tools_run_once,
    ),
    Invariant(
        name="right calls",
        promise="SPEC 70, 71: only whole calls of whole answers are run, each after what it needs",
        check=right_calls,
    ),
    Invariant(
        name="tool permits",
        promise="SPEC 74: no tool runs without a permit",
        check=runs_have_permits,
    ),
    Invariant(
        name="tools stop",
        promise="SPEC 76: no tool outlives its chat, nor a stop by more than its grace",
        check=tools_stop,
    ),
    Invariant(
        name="tools are told",
        promise="7: of each call a reader is told once that it runs, and once how it ended",
        check=tools_are_told,
    ),
    Invariant(
        name="permits",
        promise="5: no call to the provider without a chat that was let in",
        check=calls_have_permits,
    ),
    Invariant(
        name="limits",
        promise="5: never more chats, or tools, at an admission than its limit",
        check=limits_hold,
    ),
    Invariant(
        name="fairness",
        promise="SPEC 17: who waits is passed by each other user once for each of its own turns",
        check=turns_are_fair,
    ),
    Invariant(
        name="breaker",
        promise="8: a held user, model or tool is refused; one probe at a time",
        check=breakers_keep_the_law,
    ),
    Invariant(
        name="nobody forgotten",
        promise="4: who has asked a gate hears of its crash, and does not wait for ever",
        check=nobody_is_forgotten,
    ),
    Invariant(
        name="marks",
        promise="2: a mark names a row that was committed before, and that stays",
        check=marks_are_kept,
    ),
    Invariant(
        name="rows",
        promise="2: what an answer leaves is kept whole or not at all, and once",
        check=rows_are_kept_once,
    ),
    Invariant(
        name="chats apart",
        promise="SPEC 154: nothing of one chat is given to another",
        check=chats_are_apart,
    ),
    Invariant(
        name="forgotten",
        promise="SPEC 43: only what an answer was given with is deleted",
        check=only_replayed_is_forgotten,
    ),
    Invariant(
        name="storage waits",
        promise="SPEC 42, 45: a chat ends without storage, and does not wait for it for long",
        check=storage_holds_nobody_up,
    ),
    Invariant(
        name="logs",
        promise="SPEC 169: a session log that was staged ends in an archive, or is still staged",
        check=logs_are_kept,
    ),
    Invariant(
        name="logs apart",
        promise="SPEC 172: an archive holds the logs of one answer",
        check=logs_are_apart,
    ),
    Invariant(name="asks", promise="4: every ask resolves by its deadline", check=asks_resolve),
    Invariant(name="monitors", promise="6: a monitor fires exactly once", check=monitors_fire_once),
    Invariant(
        name="prompt stop",
        promise="a stop closes the chat and its call at once",
        check=stops_are_prompt,
    ),
    Invariant(
        name="restarts",
        promise="6: no more restarts than the intensity allows",
        check=restarts_are_bounded,
    ),
    Invariant(
        name="shutdown",
        promise="10: a shutdown keeps its deadline and leaves nobody behind",
        check=shutdowns_finish,
    ),
)

# Seen while the run goes on, by whoever keeps the books: `watching` and the scenario.
ON_THE_WAY: Final = {
    "conservation": "3: every message is handled or counted as lost",
    "bounded": "5: no mailbox, no credit and no round of calls beyond its bound",
    "one output": "SPEC 69: a call begins once and is over once",
    "no bugs": "an actor crashes of what was injected, of the weather, and of nothing else",
    "stop first": "what the runtime says comes before the mail",
    "line": "5: what waits to be committed keeps its bounds",
    "drained": "9: once the faults stop, nothing waits to be committed any more",
    "queue": "2, SPEC 163: a row leaves Redis once the database has it, and not before",
    "recovery": "9: once the faults stop, everything works again",
    "nobody left": "5: after quiet, only the fixed actors live",
    "answered": "SPEC 45: every turn is answered, whatever the store does",
    "kept": "2, SPEC 155: what an answer is marked with is there, and is sent back in later turns",
    "logged": "SPEC 168, 171: a session log that was handed over ends in an archive",
    "isolation": "no chat is given what belongs to another one",
}


def breaches(trace: Trace) -> tuple[Breach, ...]:
    """Check everything; the order is always the same."""
    found = [
        Breach(invariant=invariant.name, what=what)
        for invariant in INVARIANTS
        for what in invariant.check(trace)
    ]
    return (*trace.breaches, *found)
