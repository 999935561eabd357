"""Each invariant is silent about a good trace and speaks up about a bad one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from actors.artifacts import Artifact
from actors.kernel.child_spec import Intensity
from actors.values import OpaqueItem, WireFormat
from bridge.chaos.gate_events import (
    Answered,
    Asked,
    BreakerTerms,
    GateBorn,
    GateEvent,
    LetIn,
)
from bridge.chaos.invariants import INVARIANTS, breaches
from bridge.chaos.trace import (
    Answer,
    Ask,
    Call,
    Closing,
    End,
    Expected,
    Kind,
    Lived,
    StorageWait,
    ToolRun,
    Trace,
    Visit,
)

TERMS = {"user": BreakerTerms(failures_max=2, window_s=10.0, hold_s=30.0, floor_max_s=60.0)}
LET_IN = LetIn(at_s=0.0, visit="v1", user="ann", keys=("user:ann",), running=1, running_max=1)
LIMIT = Intensity(restarts_max=2, window_s=60.0)


def visit() -> Visit:
    return Visit(
        id="v1",
        user="ann",
        expected=Expected(content="one two three", reasoning="hm", rounds=2),
        credit=4,
        parallel_max=5,
        asked_s=0.0,
        answers=[Answer.ADMITTED],
        answered_s=0.0,
        pieces=[
            (Kind.REASONING, "hm"),
            (Kind.CONTENT, "one two "),
            (Kind.CARD, "c1 begins"),
            (Kind.CARD, "c1 gave 42"),
            (Kind.CONTENT, "three"),
        ],
        first_shown_s=1.0,
        shown_s={1: 1.0, 2: 1.8},
        round=2,
        calls_begun={"c1"},
        calls_over={"c1"},
        rounds_completed=2,
        ends=[End.COMPLETED],
        finishes=1,
        notices=1,
        gone_s=2.0,
        is_over=True,
        chat="c",
        brought=("a0",),
        recalled=[("c", "a0")],
        marks=["b0", "b1"],
        storage_waits=[
            StorageWait(what="read", asked_s=0.0, wait_max_s=6.0, ended_s=0.5),
            StorageWait(what="save", asked_s=2.0, wait_max_s=11.0, ended_s=2.0),
        ],
    )


def row(artifact_id: str, place: int, *, chat: str = "c") -> Artifact:
    item = OpaqueItem(wire=WireFormat.RESPONSES, json="{}")
    return Artifact(
        id=artifact_id,
        chat_id=chat,
        message_id=artifact_id[0],
        model_id="m",
        item=item,
        place=place,
    )


A0, B0, B1 = row("a0", 0), row("b0", 0), row("b1", 1)


def keep(trace: Trace, *rows: Artifact) -> None:
    trace.storage.rows = rows


def call(
    opened_s: float, closed_s: float | None, *, number: int = 1, had_chat: bool = True
) -> Call:
    return Call(visit="v1", round=number, opened_s=opened_s, had_chat=had_chat, closed_s=closed_s)


def run(began_s: float, ended_with: str = "result") -> ToolRun:
    return ToolRun(
        visit="v1",
        call_id="c1",
        began_s=began_s,
        had_permit=True,
        ended_with=ended_with,
        ended_s=began_s + 0.1,
    )


def good_trace() -> Trace:
    trace = Trace(TERMS)
    trace.visits.append(visit())
    trace.calls += (call(0.5, 1.2), call(1.6, 2.0, number=2))
    trace.runs.append(run(1.3))
    trace.remedies += (("v1", "milder"), ("v2", "milder"))
    trace.asks.append(Ask(question="Admit", asked_s=0.0, deadline_s=600.0, answered_s=0.0))
    trace.gates.append([LET_IN])
    trace.lived += [Lived(actor="gate", ended_s=at_s, limit=LIMIT) for at_s in (0.0, 1.0, 61.0)]
    keep(trace, B0, B1)
    trace.storage.forgotten.append(("c", A0))
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
    ("text", lambda v: v.pieces.append((Kind.CONTENT, "three"))),
    ("text", lambda v: v.pieces.reverse()),
    ("text", lambda v: v.pieces.append((Kind.REASONING, "!"))),
    ("text", lambda v: setattr(v, "rounds_completed", 1)),
    ("tools are told", lambda v: v.pieces.append((Kind.CARD, "c1 gave 43"))),
    ("tools are told", lambda v: v.pieces.pop(2)),
    ("monitors", lambda v: setattr(v, "notices", 0)),
    ("monitors", lambda v: setattr(v, "notices", 2)),
    ("no retry after output", lambda v: v.shown_s.update({1: 0.4})),
    ("marks", lambda v: v.unkept.append("b0")),
    ("marks", lambda v: v.marks.append("b2")),
    ("chats apart", lambda v: v.recalled.append(("d", "a1"))),
    ("forgotten", lambda v: setattr(v, "brought", ())),
    ("storage waits", lambda v: setattr(v, "was_failed_by_storage", True)),
    ("storage waits", lambda v: setattr(v.storage_waits[0], "ended_s", 20.0)),
]


@pytest.mark.parametrize(("name", "spoil"), VISIT_SPOILED)
def test_a_visit_that_went_wrong_is_noticed(name: str, spoil: Callable[[Visit], object]) -> None:
    assert name in broken_by(lambda trace: spoil(trace.visits[0]))


ASKED = Asked(at_s=0.0, visit="v2", user="bob")


def passed_twice() -> list[GateEvent]:
    others = [replace(LET_IN, visit=visit) for visit in ("v3", "v4")]
    return [LET_IN, ASKED, *others, Answered(at_s=1.0, visit="v2")]


TRACE_SPOILED: list[tuple[str, Callable[[Trace], object]]] = [
    ("permits", lambda t: t.calls.append(call(2.0, 3.0, had_chat=False))),
    ("permits", lambda t: t.calls.append(call(2.0, None))),
    ("permits", lambda t: t.calls.append(call(1.9, 3.0))),
    ("no retry after output", lambda t: t.calls.append(call(2.0, 3.0))),
    ("no retry after output", lambda t: t.calls.append(call(2.0, 3.0, number=2))),
    ("history", lambda t: setattr(t.calls[1], "problem", "no output for c1")),
    ("remedies", lambda t: t.remedies.append(("v1", "milder"))),
    ("tools run once", lambda t: t.runs.append(run(1.5))),
    ("tools run once", lambda t: t.runs.insert(0, run(1.25, "ToolUnreachable"))),
    ("tools run once", lambda t: t.runs.insert(0, run(1.0, "ToolBroke"))),
    ("right calls", lambda t: setattr(t.runs[0], "problem", "it is half-written")),
    ("tool permits", lambda t: setattr(t.runs[0], "had_permit", False)),
    ("tools stop", lambda t: setattr(t.runs[0], "ended_s", None)),
    ("tools stop", lambda t: setattr(t.runs[0], "ended_s", 60.0)),
    ("marks", lambda t: keep(t, B0)),
    ("rows", lambda t: keep(t, B0, B1, row("b9", 1))),
    ("rows", lambda t: keep(t, B0, B1, row("e2", 2))),
    ("chats apart", lambda t: t.storage.forgotten.append(("c", row("f0", 0, chat="d")))),
    ("limits", lambda t: t.gates[0].append(replace(LET_IN, running=2))),
    ("fairness", lambda t: t.gates.append(passed_twice())),
    ("nobody forgotten", lambda t: t.gates.append([ASKED, GateBorn(at_s=1.0)])),
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
    def spoil(trace: Trace, remedies: int) -> None:
        trace.calls[:] = [call(at_s, at_s) for at_s in (0.1, 0.2, 0.3, 0.4)]
        trace.remedies[:] = [("v1", "milder")] * remedies

    assert broken_by(lambda trace: spoil(trace, 0)) == {"no retry after output"}
    assert broken_by(lambda trace: spoil(trace, 1)) == set()


def test_a_tool_that_could_not_be_reached_may_be_tried_once_more() -> None:
    def again(trace: Trace, times: int) -> None:
        tried = [run(1.3 + number, "ToolUnreachable") for number in range(times)]
        trace.runs[:] = [*tried, run(1.3 + times)]
        trace.visits[0].gone_s = 9.0

    assert broken_by(lambda trace: again(trace, 1)) == set()
    assert broken_by(lambda trace: again(trace, 2)) == {"tools run once"}


def test_an_answer_that_its_provider_ended_early_and_well_may_be_short() -> None:
    def end_early(trace: Trace) -> None:
        trace.visits[0].pieces.pop()
        trace.calls[1].is_short = True

    assert broken_by(end_early) == set()


def test_whose_request_hangs_may_wait_for_storage_and_whoever_left_early_is_not_looked_at() -> None:
    def wait(trace: Trace, about: str) -> None:
        visit = trace.visits[0]
        visit.storage_waits[0].ended_s = 20.0
        if about == "hangs":
            visit.is_held_up = True
        else:
            visit.answers[:] = [Answer.LEFT]

    for about in ("hangs", "left"):
        assert "storage waits" not in broken_by(lambda trace, why=about: wait(trace, why))


def test_who_stopped_sees_no_end_and_the_chat_is_gone_at_once() -> None:
    def stop(trace: Trace, gone_s: float | None) -> None:
        stopped = trace.visits[0]
        stopped.stopped_s, stopped.gone_s = 1.5, gone_s
        stopped.ends.clear()

    assert broken_by(lambda trace: stop(trace, 2.0)) == set()
    assert broken_by(lambda trace: stop(trace, 60.0)) == {"prompt stop"}
    assert broken_by(lambda trace: stop(trace, None)) == {"prompt stop"}
