"""What must hold of chats: their answers, their calls to the provider, their ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from actors.kernel.cell import KILL_GRACE_S
from bridge.chaos.faults import provider, tools
from bridge.chaos.faults.mailbox import SIGNAL_DELAY_MAX_S
from bridge.chaos.trace import Call, End, Kind, Trace, Visit

# Comparing sums of floats.
SLACK_S: Final = 1e-6

# A port may ignore for a while that it is cancelled.
SWALLOW_MAX_S: Final = max(*provider.SWALLOW_S, *tools.SWALLOW_S)

# A door gives a chat one second, then it is killed.
STOP_MAX_S: Final = 1.0 + KILL_GRACE_S + SWALLOW_MAX_S + SIGNAL_DELAY_MAX_S + SLACK_S

# One attempt and two more (`bridge.app.ATTEMPT`), and the same again for each remedy.
ATTEMPTS_MAX: Final = 3


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
    cut_short = {call.visit for call in trace.calls if call.is_short}
    for visit in trace.visits:
        is_complete = End.COMPLETED in visit.ends and visit.id not in cut_short
        expected = visit.expected
        for kind, whole in (
            (Kind.CONTENT, expected.content),
            (Kind.REASONING, expected.reasoning),
        ):
            said = visit.said(kind)
            if not whole.startswith(said):
                broken.append(f"{visit.id} was shown {said!r}; the answer is {whole!r}")
            elif is_complete and said != whole:
                broken.append(f"{visit.id} is complete with {len(said)} of {len(whole)} characters")
        if is_complete and visit.rounds_completed != expected.rounds:
            told = f"{visit.rounds_completed} of {expected.rounds} rounds"
            broken.append(f"{visit.id} is complete after {told}")
    return broken


def right_history(trace: Trace) -> Sequence[str]:
    """Say who was asked to go on from something that was not said, or without an output."""
    return [
        f"round {call.round} of {call.visit} was asked for with a wrong history: {call.problem}"
        for call in trace.calls
        if call.problem
    ]


def no_retry_after_output(trace: Trace) -> Sequence[str]:
    """Say who was asked for again after something had been shown, or too often."""
    broken = []
    visits = {visit.id: visit for visit in trace.visits}
    by_round: defaultdict[tuple[str, int], list[Call]] = defaultdict(list)
    for call in trace.calls:
        by_round[call.visit, call.round].append(call)
    for (name, number), calls in by_round.items():
        remedies = sum(visit == name for visit, _ in trace.remedies)
        if len(calls) > ATTEMPTS_MAX * (1 + remedies):
            broken.append(f"round {number} of {name} was sent {len(calls)} times")
        shown_s = visits[name].shown_s.get(number)
        if shown_s is not None and any(call.opened_s > shown_s for call in calls):
            broken.append(f"round {number} of {name} was sent once more after its first words")
    return broken


def remedies_are_used_once(trace: Trace) -> Sequence[str]:
    """Say for whom the same remedy was tried again."""
    return [
        f"the remedy {name} was found for {visit} more than once"
        for place, (visit, name) in enumerate(trace.remedies)
        if (visit, name) in trace.remedies[:place]
    ]


def calls_have_permits(trace: Trace) -> Sequence[str]:
    """Say which calls to the provider were made for nobody, or beside another of the same chat."""
    broken = []
    for visit, calls in _calls_by_visit(trace).items():
        if any(not call.had_chat for call in calls):
            broken.append(f"a call was made for {visit}, which has no chat")
        if any(call.closed_s is None for call in calls):
            broken.append(f"a call of {visit} was never closed")
        for call, following in pairwise(calls):
            if call.closed_s is not None and call.closed_s > following.opened_s + SLACK_S:
                broken.append(f"two calls of {visit} were open at once")
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
    for visit, latest_s in stopped(trace):
        if visit.gone_s is None or visit.gone_s > latest_s:
            broken.append(f"the chat of {visit.id} went on after the stop")
        if any(call.closed_s is None or call.closed_s > latest_s for call in by_visit[visit.id]):
            broken.append(f"a call of {visit.id} went on after the stop")
    return broken


def stopped(trace: Trace) -> list[tuple[Visit, float]]:
    """Return the visits whose chat was stopped, each with when everything of it had to be over."""
    return [
        (visit, visit.stopped_s + STOP_MAX_S)
        for visit in trace.visits
        if visit.stopped_s is not None and visit.is_admitted
    ]


def _calls_by_visit(trace: Trace) -> defaultdict[str, list[Call]]:
    by_visit: defaultdict[str, list[Call]] = defaultdict(list)
    for call in trace.calls:
        by_visit[call.visit].append(call)
    return by_visit
