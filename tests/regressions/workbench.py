"""One chat whose tools need permits, on the stage of the unit tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from actors.kernel.child_spec import Intensity, RestartPolicy, Then
from actors.tool import ToolPermits
from actors.values import ToolCall, ToolOutput, ToolResult
from supervisor.gate import Claim, GateActor, GateMessage
from tests.unit.chat_stage import ListSink, ScriptedProvider
from tests.unit.kernel_stage import Stage
from tests.unit.tool_stage import ScriptedBox, answer, call, calls, start_chat

POLICY = RestartPolicy(
    counts=(Exception,),
    intensity=Intensity(restarts_max=4, window_s=60.0),
    then=Then.HOLD,
    hold_s=60.0,
)


class Answering(GateActor):
    """A gate that gets its first claim twice, as a message can be repeated."""

    is_first = True

    def receive(self, message: GateMessage) -> None:
        super().receive(message)
        if isinstance(message, Claim) and self.is_first:
            self.is_first = False
            self.actor_ref.tell(message)


class Crashing(GateActor):
    """A gate that crashes on the first claim of all."""

    def receive(self, message: GateMessage) -> None:
        if isinstance(message, Claim) and self.life == 1:
            raise ZeroDivisionError
        super().receive(message)


@dataclass
class Workbench:
    """A chat that calls `look` once, and then says that it is done."""

    stage: Stage
    gate: type[GateActor] = GateActor
    sink: ListSink = field(default_factory=ListSink)

    def start(self, box: ScriptedBox) -> ScriptedProvider:
        """Start the chat; what comes of it is in the provider's requests and in the sink."""
        provider = ScriptedProvider([calls(call("c1"))], answer())
        gate = self.stage.keep(self.gate, None)
        permits = ToolPermits(gate=gate, running_max=5, user="ann", policy=POLICY)
        start_chat(self.stage, provider, self.sink, box, permits=permits)
        return provider


class CancelledInside(ScriptedBox):
    """Tools that end as if they had been cancelled, although nobody cancels them."""

    async def invoke(self, call: ToolCall) -> ToolResult:
        self.invoked.append(call)
        raise asyncio.CancelledError


def output_of(provider: ScriptedProvider) -> str:
    """What the model reads of the one call."""
    [output] = [i for i in provider.codec.requests[1].items if isinstance(i, ToolOutput)]
    return output.output
