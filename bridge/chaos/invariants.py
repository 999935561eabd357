"""What must hold after every run, whatever broke in it. Pure functions over the trace.

The numbers are those of the list that the project keeps of its promises; each function returns
one sentence per breach, and an empty list when all is well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from actors.kernel.cell import KILL_GRACE_S
from bridge.chaos.breaker_law import BreakerLaw
from bridge.chaos.faults.mailbox import SIGNAL_DELAY_MAX_S
from bridge.chaos.faults.provider import SWALLOW_S
from bridge.chaos.trace import Breach, Call, End, LetIn, Lived, Trace

# Comparing sums of floats.
_SLACK_S: Final = 1e-6

# A door gives a chat one second, then it is killed; a port may ignore that for a while.
STOP_MAX_S: Final = 1.0 + KILL_GRACE_S + max(SWALLOW_S) + SIGNAL_DELAY_MAX_S + _SLACK_S

# One attempt and two more (`bridge.app.ATTEMPT`).
ATTEMPTS_MAX: Final = 3

# An ask from a door waits for admission, and nothing waits longer.
ASK_MAX_S: Final = 600.0

Check = Callable[[Trace], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One promise, and how to see whether it was kept."""

    name: str
    promise: str
    check: Check


def one_answer(trace: Trace) -> Sequence[str]:
    """Say which visits did not get exactly one word from the gate."""
    return [
        f"{visit.id} got {len(visit.answers)} answers: {[each.value for each in visit.answers]}"
        for visit in trace.visits
        if len(visit.answers) != 1
    ]


def one_end(trace: Trace) -> Sequence[str]:
    """Say which admitted visits did not end exactly once, or were shown something afterwards."""
    broken = []
    for visit in trace.visits:
        wanted = 0 if visit.stopped_s is not None or not visit.is_admitted else 1
        # A stop and an end may meet; then the user has seen the end, or has not.
        most = max(wanted, int(visit.is_admitted))
        if not visit.is_over:
            broken.append(f"{visit.id} never came to an end")
        elif not wanted <= len(visit.ends) <= most:
            broken.append(f"{visit.id} ended {len(visit.ends)} times, instead of {wanted}")
        if visit.finishes > 1:
            broken.append(f"the sink of {visit.id} was finished {visit.finishes} times")
        if visit.shown_after_end:
            broken.append(f"{visit.id} was shown something after its end")
    return broken


def right_text(trace: Trace) -> Sequence[str]:
    """Say whose text was doubled, reordered, torn, or short of a word at a complete end."""
    broken = []
    for visit in trace.visits:
        for is_content, whole in ((True, visit.content), (False, visit.reasoning)):
            said = visit.said(is_content=is_content)
            if not whole.startswith(said):
                broken.append(f"{visit.id} was shown {said!r}; the answer is {whole!r}")
            elif End.COMPLETED in visit.ends and said != whole:
                broken.append(f"{visit.id} is complete with {len(said)} of {len(whole)} characters")
    return broken


def no_retry_after_output(trace: Trace) -> Sequence[str]:
    """Say who was asked for again after something had been shown, or too often."""
    broken = []
    by_visit = _calls_by_visit(trace)
    for visit in trace.visits:
        calls = by_visit[visit.id]
        if len(calls) > ATTEMPTS_MAX:
            broken.append(f"{visit.id} was sent {len(calls)} times")
        shown_s = visit.first_shown_s
        if shown_s is not None and any(call.opened_s > shown_s for call in calls):
            broken.append(f"{visit.id} was sent once more after its first words")
    return broken


def calls_have_permits(trace: Trace) -> Sequence[str]:
    """Say which calls to the provider were made for nobody, or beside another of the same chat."""
    broken = []
    for visit, calls in _calls_by_visit(trace).items():
        if any(not call.had_chat for call in calls):
            broken.append(f"a call was made for {visit}, which has no chat")
        if any(call.closed_s is None for call in calls):
            broken.append(f"a call of {visit} was never closed")
        for call, following in pairwise(calls):
            if call.closed_s is not None and call.closed_s > following.opened_s + _SLACK_S:
                broken.append(f"two calls of {visit} were open at once")
    return broken


def limits_hold(trace: Trace) -> Sequence[str]:
    """Say when a gate let in more than the limit of the moment.

    A lowered limit lets what runs finish, so only admissions are looked at.
    """
    return [
        f"{event.visit} was let in as number {event.running} of {event.running_max}"
        for gate in trace.gates
        for event in gate
        if isinstance(event, LetIn) and event.running > event.running_max
    ]


def breakers_keep_the_law(trace: Trace) -> Sequence[str]:
    """Say where a breaker did what its state forbids."""
    return [broken for law in _laws(trace) for broken in law.broken]


def breaker_states(trace: Trace) -> Counter[str]:
    """Count the states that breakers went into, for the report."""
    return sum((law.states for law in _laws(trace)), Counter())


def _laws(trace: Trace) -> list[BreakerLaw]:
    laws = []
    for gate in trace.gates:
        law = BreakerLaw(trace.terms)
        law.follow(gate)
        laws.append(law)
    return laws


def asks_resolve(trace: Trace) -> Sequence[str]:
    """Say which questions had no deadline, or no answer by then."""
    broken = []
    for ask in trace.asks:
        if not ask.deadline_s - ask.asked_s <= ASK_MAX_S + _SLACK_S:
            broken.append(f"a {ask.question} may wait for {ask.deadline_s - ask.asked_s:.0f} s")
        elif ask.answered_s is None or ask.answered_s > ask.deadline_s + _SLACK_S:
            broken.append(f"a {ask.question} was not answered by its deadline")
    return broken


def monitors_fire_once(trace: Trace) -> Sequence[str]:
    """Say which doors did not hear exactly once that their chat had ended."""
    return [
        f"the door of {visit.id} heard {visit.notices} times that its chat had ended"
        for visit in trace.visits
        if visit.notices != int(visit.is_admitted)
    ]


def stops_are_prompt(trace: Trace) -> Sequence[str]:
    """Say which chats, or calls to the provider, went on long after their user had left.

    Who leaves before the gate has answered is left out: a gate that hangs hears of it late.
    """
    broken = []
    by_visit = _calls_by_visit(trace)
    for visit in trace.visits:
        if visit.stopped_s is None or not visit.is_admitted:
            continue
        latest_s = visit.stopped_s + STOP_MAX_S
        if visit.gone_s is None or visit.gone_s > latest_s:
            broken.append(f"the chat of {visit.id} went on after the stop")
        if any(call.closed_s is None or call.closed_s > latest_s for call in by_visit[visit.id]):
            broken.append(f"a call of {visit.id} went on after the stop")
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
        if closing.elapsed_s > closing.grace_s + KILL_GRACE_S + _SLACK_S:
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
        name="no retry after output",
        promise="SPEC 83: nothing is asked for again once something was shown",
        check=no_retry_after_output,
    ),
    Invariant(
        name="permits",
        promise="5: no call to the provider without a chat that was let in",
        check=calls_have_permits,
    ),
    Invariant(
        name="limits",
        promise="5: never more chats at an admission than its limit",
        check=limits_hold,
    ),
    Invariant(
        name="breaker",
        promise="8: a held user is refused; one probe at a time",
        check=breakers_keep_the_law,
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
    "bounded": "5: no mailbox and no credit beyond its bound",
    "no bugs": "an actor crashes of what was injected, of the weather, and of nothing else",
    "stop first": "what the runtime says comes before the mail",
    "recovery": "9: once the faults stop, everything works again",
    "nobody left": "5: after quiet, only the fixed actors live",
}


def breaches(trace: Trace) -> tuple[Breach, ...]:
    """Check everything; the order is always the same."""
    found = [
        Breach(invariant=invariant.name, what=what)
        for invariant in INVARIANTS
        for what in invariant.check(trace)
    ]
    return (*trace.breaches, *found)


def _calls_by_visit(trace: Trace) -> defaultdict[str, list[Call]]:
    by_visit: defaultdict[str, list[Call]] = defaultdict(list)
    for call in trace.calls:
        by_visit[call.visit].append(call)
    return by_visit
