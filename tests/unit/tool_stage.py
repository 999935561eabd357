"""A chat with tools on a stage: a scripted provider, a box of scripted tools, a supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from actors.chat_setup import ChatSetup
from actors.kernel.child_spec import Backoff, ChildSpec, Intensity, Restart, RestartPolicy, Then
from actors.kernel.ref import ActorRef
from actors.ports import (
    ConnectionFailed,
    ProviderUnavailable,
    RateLimited,
    Remedies,
    StreamBroken,
    ToolError,
)
from actors.request import RequestActor
from actors.testing.probe import Probe
from actors.tool_round import ToolSetup
from actors.values import ToolCall, ToolCalled, ToolResult, WireFormat
from supervisor.static import Supervisor
from supervisor.strategy import AutoShutdown
from tests.unit.chat_stage import ASKED, COMPLETED, ENDPOINT, ListSink, Read, ScriptedProvider, text
from tests.unit.kernel_stage import Stage

THREE_TRIES = RestartPolicy(
    counts=(ConnectionFailed, ProviderUnavailable, RateLimited, StreamBroken),
    intensity=Intensity(restarts_max=2, window_s=60.0),
    backoff=Backoff(min_s=1.0, max_s=4.0, floor_max_s=60.0),
    then=Then.STOP,
)


@dataclass(frozen=True)
class Takes:
    """A tool that takes so long and then gives this."""

    seconds: float
    output: str = "late"


@dataclass(frozen=True)
class Bug:
    """A tool whose box is broken."""


Behaviour = str | ToolError | Takes | Bug


@dataclass
class ScriptedBox:
    """Tools by name, each with what becomes of its calls, one after the other; the last stays."""

    tools: Mapping[str, list[Behaviour]]
    invoked: list[ToolCall] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    async def invoke(self, call: ToolCall) -> ToolResult:
        before = sum(each.name == call.name for each in self.invoked)
        self.invoked.append(call)
        script = self.tools[call.name]
        behaviour = script[min(before, len(script) - 1)]
        match behaviour:
            case str():
                return ToolResult(output=behaviour)
            case Takes():
                return await self._later(call, behaviour)
            case Bug():
                raise ZeroDivisionError
            case _:
                raise behaviour

    async def _later(self, call: ToolCall, takes: Takes) -> ToolResult:
        sleep = self.sleep
        assert sleep is not None, "the stage gives the box its clock"
        try:
            await sleep(takes.seconds)
        except asyncio.CancelledError:
            self.cancelled.append(call.call_id)
            raise
        return ToolResult(output=takes.output)

    sleep: Callable[[float], Awaitable[None]] | None = None


def call(call_id: str, name: str = "look", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id=call_id, name=name, arguments=arguments)


def calls(*wanted: ToolCall) -> Read:
    """The end of an answer that wants these tools to be run."""
    said = tuple(ToolCalled(output_index=i + 1, call=each) for i, each in enumerate(wanted))
    return Read((*said, COMPLETED))


def answer(words: str = "done") -> list[Read]:
    return [Read((text(words), COMPLETED))]


def start_chat(
    stage: Stage,
    provider: ScriptedProvider,
    sink: ListSink,
    box: ScriptedBox | None,
    *,
    remedies: Remedies | None = None,
    deadline_s: float | None = None,
    **limits: Any,
) -> tuple[Probe, ActorRef[Any]]:
    """Start a chat the way the app does; `limits` are fields of `ToolSetup`."""
    setup = ChatSetup(
        provider=provider,
        codecs={WireFormat.RESPONSES: provider.codec, WireFormat.CHAT: provider.codec},
        reads_max=8,
        mailbox_max=100,
        attempt_policy=THREE_TRIES,
        remedies=remedies,
        deadline_s=deadline_s,
    )
    tools = None
    if box is not None:
        box.sleep = sleep_on(stage)
        tools = ToolSetup(box=box, **limits)
    lead: ChildSpec[Any] = ChildSpec(
        start=partial(RequestActor, ASKED, ENDPOINT, setup, sink, tools),
        restart=Restart.TEMPORARY,
        is_significant=True,
        mailbox=setup.mailbox(tools),
    )
    chat: ActorRef[Any] = stage.system.spawn(
        ChildSpec(
            start=partial(Supervisor, (lead,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
            restart=Restart.TEMPORARY,
        )
    )
    return Probe(stage.system, watch=(chat,)), chat


def sleep_on(stage: Stage) -> Callable[[float], Awaitable[None]]:
    """A sleep in the time of the stage."""

    async def sleep(seconds: float) -> None:
        over = asyncio.get_running_loop().create_future()
        stage.clock.call_at(
            stage.clock.now_s() + seconds, lambda: over.done() or over.set_result(None)
        )
        await over

    return sleep
