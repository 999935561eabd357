"""Each invariant is silent about a good trace and speaks up about a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from actors.kernel.child_spec import Intensity
from bridge.chaos.invariants import INVARIANTS, breaches
from bridge.chaos.trace import (
    Answer,
    Ask,
    BreakerTerms,
    Call,
    Closing,
    End,
    LetIn,
    Lived,
    Trace,
    Visit,
)

TERMS = BreakerTerms(failures_max=2, window_s=10.0, hold_s=30.0, floor_max_s=60.0)
LET_IN = LetIn(at_s=0.0, visit="v1", key="ann", running=1, running_max=1)
LIMIT = Intensity(restarts_max=2, window_s=60.0)


def visit() -> Visit:
    return Visit(
        id="v1",
        user="ann",
        content="one two three",
        reasoning="hm",
        credit=4,
        asked_s=0.0,
        answers=[Answer.ADMITTED],
        answered_s=0.0,
        pieces=[(False, "hm"), (True, "one two "), (True, "three")],
        first_shown_s=1.0,
        ends=[End.COMPLETED],
        finishes=1,
        notices=1,
        gone_s=2.0,
        is_over=True,
    )


def good_trace() -> Trace:
    trace = Trace(TERMS)
    trace.visits.append(visit())
    trace.calls.append(Call(visit="v1", opened_s=0.5, had_chat=True, closed_s=2.0))
    trace.asks.append(Ask(question="Admit", asked_s=0.0, deadline_s=600.0, answered_s=0.0))
    trace.gates.append([LET_IN])
    trace.lived += [Lived(actor="gate", ended_s=at_s, limit=LIMIT) for at_s in (0.0, 1.0, 61.0)]
    trace.closings.append(Closing(grace_s=20.0, elapsed_s=1.0, abandoned=(), live=0, zombies=0))
    return trace


def broken_by(spoil: Callable[[Trace], object]) -> set[str]:
    trace = good_trace()
    spoil(trace)
    return {breach.invariant for breach in breaches(trace)}


def test_a_good_trace_breaks_nothing() -> None:
    assert breaches(good_trace()) == ()


def test_what_was_seen_on_the_way_is_reported_first() -> None:
    trace = good_trace()
    trace.breach("bounded", "9 messages wait for gate, of 8")
    assert [breach.what for breach in breaches(trace)] == ["9 messages wait for gate, of 8"]


def test_invariants_have_names_of_their_own() -> None:
    names = [each.name for each in INVARIANTS]
    assert len(set(names)) == len(names)


VISIT_SPOILED: list[tuple[str, Callable[[Visit], object]]] = [
    ("one answer", lambda v: v.answers.append(Answer.FULL)),
    ("one answer", lambda v: v.answers.clear()),
    ("one end", lambda v: v.ends.clear()),
    ("one end", lambda v: v.ends.append(End.FAILED)),
    ("one end", lambda v: setattr(v, "finishes", 2)),
    ("one end", lambda v: setattr(v, "shown_after_end", 1)),
    ("one end", lambda v: setattr(v, "is_over", False)),
    ("text", lambda v: v.pieces.pop()),
    ("text", lambda v: v.pieces.append((True, "three"))),
    ("text", lambda v: v.pieces.reverse()),
    ("text", lambda v: v.pieces.append((False, "!"))),
    ("monitors", lambda v: setattr(v, "notices", 0)),
    ("monitors", lambda v: setattr(v, "notices", 2)),
    ("no retry after output", lambda v: setattr(v, "first_shown_s", 0.4)),
]


@pytest.mark.parametrize(("name", "spoil"), VISIT_SPOILED)
def test_a_visit_that_went_wrong_is_noticed(name: str, spoil: Callable[[Visit], object]) -> None:
    assert name in broken_by(lambda trace: spoil(trace.visits[0]))


def call(opened_s: float, closed_s: float | None, *, had_chat: bool = True) -> Call:
    return Call(visit="v1", opened_s=opened_s, had_chat=had_chat, closed_s=closed_s)


TRACE_SPOILED: list[tuple[str, Callable[[Trace], object]]] = [
    ("permits", lambda t: t.calls.append(call(2.0, 3.0, had_chat=False))),
    ("permits", lambda t: t.calls.append(call(2.0, None))),
    ("permits", lambda t: t.calls.append(call(1.0, 3.0))),
    ("no retry after output", lambda t: t.calls.append(call(2.0, 3.0))),
    ("limits", lambda t: t.gates[0].append(replace(LET_IN, running=2))),
    ("asks", lambda t: setattr(t.asks[0], "answered_s", None)),
    ("asks", lambda t: setattr(t.asks[0], "answered_s", 600.1)),
    ("asks", lambda t: setattr(t.asks[0], "deadline_s", float("inf"))),
    ("restarts", lambda t: t.lived.insert(2, Lived(actor="gate", ended_s=2.0, limit=LIMIT))),
    ("shutdown", lambda t: t.closings.append(replace(t.closings[0], elapsed_s=22.0))),
    ("shutdown", lambda t: t.closings.append(replace(t.closings[0], live=1))),
    ("shutdown", lambda t: t.closings.append(replace(t.closings[0], zombies=1))),
]


@pytest.mark.parametrize(("name", "spoil"), TRACE_SPOILED)
def test_a_tree_that_went_wrong_is_noticed(name: str, spoil: Callable[[Trace], object]) -> None:
    assert name in broken_by(spoil)


def test_after_four_attempts_somebody_tried_too_often() -> None:
    def spoil(trace: Trace) -> None:
        trace.calls[:] = [call(at_s, at_s) for at_s in (0.1, 0.2, 0.3, 0.4)]

    assert broken_by(spoil) == {"no retry after output"}


def test_who_stopped_sees_no_end_and_the_chat_is_gone_at_once() -> None:
    def stop(trace: Trace, gone_s: float | None) -> None:
        stopped = trace.visits[0]
        stopped.stopped_s, stopped.gone_s = 1.5, gone_s
        stopped.ends.clear()

    assert broken_by(lambda trace: stop(trace, 2.0)) == set()
    assert broken_by(lambda trace: stop(trace, 60.0)) == {"prompt stop"}
    assert broken_by(lambda trace: stop(trace, None)) == {"prompt stop"}
