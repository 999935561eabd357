"""What must hold of tools: that they run once, when they may, and no longer than their chat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from actors.ports import ToolUnreachable
from bridge.chaos.invariants_chats import SLACK_S, SWALLOW_MAX_S, stopped
from bridge.chaos.trace import Kind, ToolRun, Trace

# One try and one more, where the tool cannot have run (`actors.tool.LIVES_MAX`).
RUNS_MAX: Final = 2


def tools_run_once(trace: Trace) -> Sequence[str]:
    """Say which calls were run again although the tool may have had an effect."""
    broken = []
    by_call: defaultdict[str, list[ToolRun]] = defaultdict(list)
    for run in trace.runs:
        by_call[run.call_id].append(run)
    for call_id, runs in by_call.items():
        if len(runs) > RUNS_MAX:
            broken.append(f"{call_id} was run {len(runs)} times")
        for run, following in pairwise(runs):
            is_over = run.ended_s is not None and run.ended_s <= following.began_s
            if not is_over or run.ended_with != ToolUnreachable.__name__:
                how = run.ended_with or "has not ended"
                broken.append(f"{call_id} was run once more after a run that {how}")
    return broken


def right_calls(trace: Trace) -> Sequence[str]:
    """Say which calls should never have been run, or not yet."""
    return [f"{run.call_id} was run, but {run.problem}" for run in trace.runs if run.problem]


def runs_have_permits(trace: Trace) -> Sequence[str]:
    """Say which calls were run without having been let in."""
    return [f"{run.call_id} was run without a permit" for run in trace.runs if not run.had_permit]


def tools_stop(trace: Trace) -> Sequence[str]:
    """Say which tools went on after their user had left, or longer than their chat."""
    broken = []
    latest_s = {visit.id: at_s for visit, at_s in stopped(trace)}
    for visit in trace.visits:
        if visit.gone_s is not None:
            gone_s = visit.gone_s + SWALLOW_MAX_S + SLACK_S
            latest_s[visit.id] = min(gone_s, latest_s.get(visit.id, gone_s))
    for run in trace.runs:
        if run.ended_s is None:
            broken.append(f"{run.call_id} never came to an end")
        elif run.ended_s > latest_s.get(run.visit, run.ended_s):
            over_s = run.ended_s - latest_s[run.visit]
            broken.append(f"{run.call_id} went on for {over_s:.3f} s too long")
    return broken


def tools_are_told(trace: Trace) -> Sequence[str]:
    """Say whose cards of tools are doubled, in the wrong order, or missing at the end."""
    broken = []
    for visit in trace.visits:
        under_way: set[str] = set()
        over: set[str] = set()
        for kind, text in visit.pieces:
            call_id, _, what = text.partition(" ")
            if kind is not Kind.CARD or call_id not in visit.calls_begun:
                continue
            is_end = what.startswith("gave")
            if call_id in over or is_end is not (call_id in under_way):
                broken.append(f"{visit.id} was told of {call_id} in the wrong order")
            (over if is_end else under_way).add(call_id)
    return broken
