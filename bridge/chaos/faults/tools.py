"""Faults of the tool port: tools that are slow, silent, stubborn, broken, or late with an answer.

A tool is written by anybody, so nothing is assumed of it: it may ignore that it is cancelled, end
with something that is no error of its port, or answer when nobody waits any more. Whatever it
does, from its first moment on it may have had an effect; only one that says it could not be
reached has had none.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Final

from actors.ports import (
    ErrorFacts,
    ToolBroke,
    ToolError,
    ToolRefused,
    ToolTimedOut,
    ToolUnreachable,
)
from actors.testing.simloop import SimLoop
from actors.values import ToolCall, ToolResult
from bridge.chaos.faults.answers import Part, ScriptedCall, round_name, round_of_call
from bridge.chaos.faults.injected import InjectedCrash
from bridge.chaos.trace import ToolRun, Visit

DELAYS_S: Final = (0.0, 0.01, 0.5)
SLOW_SHARE: Final = 0.7
SWALLOW_S: Final = (0.4, 3.0)
LATE_S: Final = 0.2
HUGE_CHARS: Final = 64 * 1024

RESULT: Final = "result of "
TROUBLE: Final = "trouble with "


class ToolFault(Enum):
    """What a tool does instead of what it should."""

    SLOW = "slow"
    HANGS = "hangs"
    IGNORES_CANCELLATION = "ignores cancellation"
    UNREACHABLE = "unreachable"
    REFUSES = "refuses"
    TIMES_OUT = "times out"
    BREAKS = "breaks"
    BUG = "bug"
    BUG_SYSTEM_EXIT = "bug by system-exit"
    BUG_CANCELLED = "bug by cancelled"
    RETURNS_LATE = "returns late"
    HUGE_OUTPUT = "huge output"
    ANSWERS_WHEN_GIVEN_UP = "answers when given up"


_RAISED: Final[dict[ToolFault, type[ToolError]]] = {
    ToolFault.UNREACHABLE: ToolUnreachable,
    ToolFault.REFUSES: ToolRefused,
    ToolFault.TIMES_OUT: ToolTimedOut,
    ToolFault.BREAKS: ToolBroke,
}
_BUGS: Final[dict[ToolFault, type[BaseException]]] = {
    ToolFault.BUG: InjectedCrash,
    ToolFault.BUG_SYSTEM_EXIT: SystemExit,
    ToolFault.BUG_CANCELLED: asyncio.CancelledError,
}


class ScriptedTools:
    """All tools of a run.

    Args:
        loop: decides which call fails, and how.
        rate: how often.
        faults: what can strike.
        timeout_s: how long a call may take.
        fired: counts what was played.
        has_permit: whether a call of a visit has been let in, in a chat that lives.
    """

    def __init__(
        self,
        loop: SimLoop,
        rate: float,
        faults: Sequence[ToolFault],
        *,
        timeout_s: float,
        fired: Counter[str],
        has_permit: Callable[[str, str], bool],
    ) -> None:
        self.is_on = True
        self.runs: list[ToolRun] = []
        self._loop = loop
        self._rate = rate
        self._faults = faults
        self._timeout_s = timeout_s
        self._fired = fired
        self._has_permit = has_permit

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        return frozenset(f"tool {fault.value}" for fault in ToolFault)

    def box(self, visit: Visit, part: Part) -> ScriptedBox:
        """Return the `ToolBox` of one chat."""
        return ScriptedBox(self, visit, part)

    def gave(self, call_id: str, text: str) -> bool:
        """Say whether a tool has said this to this call; what no tool says is not looked at."""
        if not text.startswith((RESULT, TROUBLE)):
            return True
        return any(run.call_id == call_id and run.said == text for run in self.runs)

    def begin(self, visit: Visit, part: Part, call: ToolCall) -> ToolRun:
        """Write down that a call is run."""
        run = ToolRun(
            visit=visit.id,
            call_id=call.call_id,
            began_s=self._loop.time(),
            had_permit=self._has_permit(visit.id, call.call_id),
            problem=_problem(visit, part, call),
        )
        self.runs.append(run)
        return run

    async def play(self, visit: str, run: ToolRun, tool_s: float | None) -> ToolResult:
        """Do what the seed says."""
        loop, tag = self._loop, f"tools {visit}"
        delay_s = DELAYS_S[loop.choose(len(DELAYS_S), tag)]
        fault = self._fault(tag)
        if tool_s is not None:
            delay_s = tool_s
        result = ToolResult(output=f"{RESULT}{run.call_id}")
        if fault is None:
            await asyncio.sleep(delay_s)
        elif fault in _BUGS:
            await asyncio.sleep(delay_s)
            raise _BUGS[fault]
        elif fault in _RAISED:
            await asyncio.sleep(delay_s)
            run.said = f"{TROUBLE}{run.call_id}"
            raise _RAISED[fault](ErrorFacts(detail=run.said))
        else:
            await self._dawdle(fault, tag)
            if fault is ToolFault.HUGE_OUTPUT:
                result = ToolResult(output=result.output + " x" * (HUGE_CHARS // 2))
        run.said = result.output
        return result

    def _fault(self, tag: str) -> ToolFault | None:
        loop = self._loop
        if not (self.is_on and self._faults and loop.chance(self._rate, tag)):
            return None
        fault = self._faults[loop.choose(len(self._faults), tag)]
        self._fired[f"tool {fault.value}"] += 1
        return fault

    async def _dawdle(self, fault: ToolFault, tag: str) -> None:
        """Take longer than it should, or not notice that nobody waits any more."""
        match fault:
            case ToolFault.SLOW:
                await asyncio.sleep(SLOW_SHARE * self._timeout_s)
            case ToolFault.RETURNS_LATE:
                await asyncio.sleep(self._timeout_s + LATE_S)
            case ToolFault.HANGS:
                await self._loop.create_future()
            case ToolFault.IGNORES_CANCELLATION:
                try:
                    await self._loop.create_future()
                except asyncio.CancelledError:
                    await asyncio.sleep(SWALLOW_S[self._loop.choose(len(SWALLOW_S), tag)])
                    raise
            case ToolFault.ANSWERS_WHEN_GIVEN_UP:
                with suppress(asyncio.CancelledError):
                    await self._loop.create_future()
            case _:
                pass


class ScriptedBox:
    """The tools of one chat."""

    def __init__(self, tools: ScriptedTools, visit: Visit, part: Part) -> None:
        self._tools = tools
        self._visit = visit
        self._part = part

    async def invoke(self, call: ToolCall) -> ToolResult:
        """See `ToolBox.invoke`."""
        run = self._tools.begin(self._visit, self._part, call)
        try:
            result = await self._tools.play(self._visit.id, run, self._part.tool_s)
        except BaseException as error:
            run.ended_with = type(error).__name__
            raise
        else:
            run.ended_with = "result"
            return result
        finally:
            run.ended_s = asyncio.get_running_loop().time()


def _problem(visit: Visit, part: Part, call: ToolCall) -> str:
    """Say why this call must not run at this moment; "" when it may."""
    number = round_of_call(call.call_id)
    calls = {} if number == 0 else _calls_of(visit, part, number)
    scripted = calls.get(call.call_id)
    if scripted is None:
        return "nobody has asked for it"
    if not scripted.is_whole or (scripted.name, scripted.arguments) != (call.name, call.arguments):
        return "it is not what the model wrote, or that is half-written"
    if part.answer(number).is_cut_off or number not in visit.rounds_told:
        return "the answer that ends with it was cut off"
    if visit.is_deaf:
        return ""
    ids = tuple(calls)
    early = [ids[place] for place in scripted.needs if ids[place] not in visit.calls_over]
    return f"{early[0]} has to be over before" if early else ""


def _calls_of(visit: Visit, part: Part, number: int) -> dict[str, ScriptedCall]:
    calls = part.answer(number).calls(round_name(visit.id, number))
    return {call.call_id: call for call in calls}
