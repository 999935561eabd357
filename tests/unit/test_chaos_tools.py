"""The scripted tools and remedies do what the list of faults says, and see what is wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from actors.ports import (
    ProviderUnavailable,
    RequestRejected,
    ToolBroke,
    ToolRefused,
    ToolTimedOut,
    ToolUnreachable,
)
from actors.testing.choices import Choices
from actors.testing.simloop import SimLoop
from actors.testing.simulate import simulate
from actors.values import ChatRequest, ToolCall, WireFormat
from bridge.chaos.faults.answers import Answer, Part, Shape, Wants
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.faults.remedies import MILDER, OTHER_ENDPOINT, ScriptedRemedies
from bridge.chaos.faults.tools import HUGE_CHARS, ScriptedTools, ToolFault
from bridge.chaos.trace import ToolRun, Visit
from tests.unit.test_chaos_provider import visit

TIMEOUT_S = 10.0
PART = Part(answers=(Answer(shape=Shape.PLAIN, words=1, wants=Wants.CHAIN),))
CALL, SECOND, _ = (
    ToolCall(call_id=call.call_id, name=call.name, arguments=call.arguments)
    for call in PART.answer(1).calls("v1r1")
)

# What comes of a call that is cancelled when its time is over.
OUTCOMES = {
    ToolFault.SLOW: "result",
    ToolFault.HANGS: "CancelledError",
    ToolFault.IGNORES_CANCELLATION: "CancelledError",
    ToolFault.UNREACHABLE: ToolUnreachable.__name__,
    ToolFault.REFUSES: ToolRefused.__name__,
    ToolFault.TIMES_OUT: ToolTimedOut.__name__,
    ToolFault.BREAKS: ToolBroke.__name__,
    ToolFault.BUG: InjectedCrash.__name__,
    ToolFault.BUG_SYSTEM_EXIT: "SystemExit",
    ToolFault.BUG_CANCELLED: "CancelledError",
    ToolFault.RETURNS_LATE: "CancelledError",
    ToolFault.HUGE_OUTPUT: "result",
    ToolFault.ANSWERS_WHEN_GIVEN_UP: "result",
}
STUBBORN = {ToolFault.IGNORES_CANCELLATION}


def told(seen: Visit) -> Visit:
    seen.rounds_told.add(1)
    return seen


def simulated(
    act: Callable[[SimLoop, ScriptedTools], Awaitable[None]],
    fault: ToolFault | None = None,
    *,
    has_permit: bool = True,
) -> list[ToolRun]:
    """Let `act` use the tools; return how they ran."""
    runs: list[ToolRun] = []

    async def scenario(loop: SimLoop) -> None:
        tools = ScriptedTools(
            loop,
            1.0 if fault else 0.0,
            () if fault is None else (fault,),
            timeout_s=TIMEOUT_S,
            fired=Counter(),
            has_permit=lambda *_: has_permit,
        )
        await act(loop, tools)
        runs.extend(tools.runs)

    run = simulate(scenario, Choices.from_seed(1))
    assert run.error is None
    return runs


def problems(seen: Visit, *calls: ToolCall, part: Part = PART) -> list[str]:
    """Run calls; return what the tools find wrong with each."""

    async def act(_: SimLoop, tools: ScriptedTools) -> None:
        for call in calls:
            await tools.box(seen, part).invoke(call)

    return [run.problem for run in simulated(act)]


def test_every_fault_has_an_outcome_in_this_table() -> None:
    assert set(OUTCOMES) == set(ToolFault)


@pytest.mark.parametrize("fault", ToolFault)
def test_a_tool_does_what_its_fault_says(fault: ToolFault) -> None:
    async def act(loop: SimLoop, tools: ScriptedTools) -> None:
        work = loop.create_task(_kept(tools.box(told(visit()), PART).invoke(CALL)))
        await asyncio.wait([work], timeout=TIMEOUT_S)
        work.cancel()
        await asyncio.wait([work])
        assert tools.gave(CALL.call_id, tools.runs[0].said)

    [run] = simulated(act, fault)
    assert run.ended_with == OUTCOMES[fault]
    assert run.ended_s is not None
    took_s = run.ended_s - run.began_s
    assert (took_s > TIMEOUT_S) is (fault in STUBBORN)
    assert (len(run.said) > HUGE_CHARS) is (fault is ToolFault.HUGE_OUTPUT)


async def _kept(work: Awaitable[object]) -> None:
    """Keep what would end a whole program out of the task."""
    try:
        await work
    except SystemExit:
        return


def test_without_a_fault_a_call_has_its_result() -> None:
    async def act(_: SimLoop, tools: ScriptedTools) -> None:
        result = await tools.box(told(visit()), PART).invoke(CALL)
        assert result.output == f"result of {CALL.call_id}"
        assert tools.gave(CALL.call_id, result.output)
        assert not tools.gave(SECOND.call_id, result.output)

    [run] = simulated(act, has_permit=False)
    assert (run.problem, run.had_permit) == ("", False)


def test_what_must_not_be_run_is_noticed() -> None:
    half = replace(PART, answers=(Answer(shape=Shape.PLAIN, words=1, wants=Wants.HALF_WRITTEN),))
    cut = replace(PART, answers=(Answer(shape=Shape.PLAIN, words=1, wants=Wants.CUT_OFF),))
    broken = half.answer(1).calls("v1r1")[1]
    torn = ToolCall(call_id=broken.call_id, name=broken.name, arguments=broken.arguments)
    stranger = ToolCall(call_id="call_x", name="look", arguments="{}")
    other = ToolCall(call_id=CALL.call_id, name=CALL.name, arguments="{}")
    assert problems(told(visit()), CALL) == [""]
    assert problems(told(visit()), stranger) == ["nobody has asked for it"]
    assert "half-written" in problems(told(visit()), torn, part=half)[0]
    assert "what the model wrote" in problems(told(visit()), other)[0]
    assert "cut off" in problems(visit(), CALL)[0]
    assert "cut off" in problems(told(visit()), CALL, part=cut)[0]


def test_a_call_that_needs_another_one_has_to_wait_for_it() -> None:
    seen = told(visit())
    assert problems(seen, SECOND) == [f"{CALL.call_id} has to be over before"]
    seen.calls_over.add(CALL.call_id)
    assert problems(seen, SECOND) == [""]


REQUEST = ChatRequest(request_id="v1", model="m", items=())


def remedies(loop: SimLoop, bug_rate: float = 0.0, *wires: WireFormat) -> ScriptedRemedies:
    return ScriptedRemedies(loop, bug_rate, wires or (WireFormat.RESPONSES,), Counter())


def in_loop(act: Callable[[SimLoop], None]) -> None:
    async def scenario(loop: SimLoop) -> None:
        act(loop)

    assert simulate(scenario, Choices.from_seed(1)).error is None


def test_a_refused_request_is_changed_and_then_sent_to_the_other_endpoint_if_there_is_one() -> None:
    def act(loop: SimLoop) -> None:
        one, two = remedies(loop), remedies(loop, 0.0, *WireFormat)
        found = two.find(REQUEST, RequestRejected(), ())
        assert found is not None
        assert (found.name, found.request.parameters[0].name) == (MILDER, "temperature")
        other = two.find(found.request, RequestRejected(), (MILDER,))
        assert other is not None
        assert (other.name, other.request.wire) == (OTHER_ENDPOINT, WireFormat.CHAT)
        assert two.given == [("v1", MILDER), ("v1", OTHER_ENDPOINT)]
        assert two.find(other.request, RequestRejected(), (MILDER, OTHER_ENDPOINT)) is None
        assert one.find(found.request, RequestRejected(), (MILDER,)) is None
        assert one.find(REQUEST, ProviderUnavailable(), ()) is None

    in_loop(act)


def test_the_remedies_have_a_bug_until_they_are_healed() -> None:
    def act(loop: SimLoop) -> None:
        found = remedies(loop, 1.0)
        with pytest.raises(InjectedCrash):
            found.find(REQUEST, RequestRejected(), ())
        found.is_on = False
        assert found.find(REQUEST, RequestRejected(), ()) is not None

    in_loop(act)
