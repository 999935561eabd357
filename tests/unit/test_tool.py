"""One call of a tool: let in or not, told once, and an end that its policy learns from."""

from __future__ import annotations

from functools import partial
from typing import Any

from actors.kernel.child_spec import ChildSpec, Intensity, Restart, RestartPolicy, Then
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, Normal, Terminated
from actors.ports import ErrorFacts, ToolBroke, ToolTimedOut
from actors.testing.probe import Probe
from actors.tool import ToolActor, ToolFailed, ToolFinished, ToolPermits
from actors.tool_round import TOOL
from supervisor.gate import GateActor
from supervisor.static import Supervisor
from tests.unit.kernel_stage import Stage, on_stage
from tests.unit.tool_stage import Behaviour, ScriptedBox, Takes, call, sleep_on

TWICE = RestartPolicy(
    intensity=Intensity(restarts_max=1, window_s=60.0), then=Then.HOLD, hold_s=30.0
)


class Shop:
    """A tools' gate, and calls that are run under a supervisor."""

    def __init__(self, stage: Stage, running_max: int = 10, **tools: list[Behaviour]) -> None:
        self.stage = stage
        self.box = ScriptedBox(tools)
        self.box.sleep = sleep_on(stage)
        self.gate: ActorRef[Any] = stage.system.spawn(ChildSpec(start=partial(GateActor, None)))
        self.running_max = running_max
        self.servers: dict[str, str] = {}

    def run(self, name: str, user: str = "ada", call_id: str = "c") -> Probe:
        probe = Probe(self.stage.system)
        permits = ToolPermits(
            gate=self.gate,
            running_max=self.running_max,
            user=user,
            policy=TWICE,
            server_policy=TWICE,
            servers=self.servers,
        )
        spec: ChildSpec[Any] = ChildSpec(
            start=partial(
                ToolActor, call(call_id, name), self.box, probe.ref, 10.0, 60.0, 5.0, permits
            ),
            restart=Restart.TRANSIENT,
            policy=TOOL,
        )
        self.stage.system.spawn(ChildSpec(start=partial(Supervisor, (spec,))))
        tool = next(
            c.ref for c in reversed(self.stage.system.cells()) if c.actor_class is ToolActor
        )
        probe.watch(tool)
        return probe


@on_stage
async def test_a_result_is_told_once_and_the_end_is_normal(stage: Stage) -> None:
    shop = Shop(stage, look=[Takes(3.0, "42")])
    probe = shop.run("look")
    await stage.settle()
    await stage.advance(3.0)
    finished = probe.only(ToolFinished)
    assert (finished.result.output, finished.elapsed_s) == ("42", 3.0)
    assert isinstance(probe.only(Terminated).reason, Normal)


@on_stage
async def test_a_failure_is_told_in_words_for_the_model_and_ends_in_a_crash(stage: Stage) -> None:
    shop = Shop(stage, look=[ToolBroke(ErrorFacts(detail="no luck"))])
    probe = shop.run("look")
    await stage.settle()
    assert probe.only(ToolFailed).reason == "no luck"
    reason = probe.only(Terminated).reason
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, ToolBroke)


@on_stage
async def test_a_slow_tool_is_stopped_and_named_with_its_limit(stage: Stage) -> None:
    shop = Shop(stage, look=[Takes(1e6)])
    probe = shop.run("look")
    await stage.settle()
    await stage.advance(10.0)
    assert "look did not finish within 10 seconds" in probe.only(ToolFailed).reason
    assert shop.box.cancelled == ["c"]
    reason = probe.only(Terminated).reason
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, ToolTimedOut)


@on_stage
async def test_a_tool_that_fails_often_is_paused_for_its_user_and_no_other(stage: Stage) -> None:
    shop = Shop(stage, look=[ToolBroke()], other=["fine"])
    for _ in range(2):
        shop.run("look")
        await stage.settle()
    held = shop.run("look")
    elsewhere, another = shop.run("look", user="ben"), shop.run("other")
    await stage.settle()
    refused = held.only(ToolFailed)
    assert refused.retry_after_s == 30.0
    assert "paused" in refused.reason
    assert len(shop.box.invoked) == 4, "what is held is not run"
    assert elsewhere.only(ToolFailed).retry_after_s is None
    assert another.only(ToolFinished).result.output == "fine"


@on_stage
async def test_a_paused_tool_is_tried_once_and_runs_again_when_it_works(stage: Stage) -> None:
    shop = Shop(stage, look=[ToolBroke(), ToolBroke(), "fine"])
    for _ in range(2):
        shop.run("look")
        await stage.settle()
    await stage.advance(30.0)
    first, second = shop.run("look"), shop.run("look")
    await stage.settle()
    assert first.only(ToolFinished).result.output == "fine"
    assert second.only(ToolFailed).retry_after_s is not None, "one probe at a time"
    last = shop.run("look")
    await stage.settle()
    assert last.only(ToolFinished).result.output == "fine"


@on_stage
async def test_tools_of_all_chats_wait_for_a_permit(stage: Stage) -> None:
    shop = Shop(stage, running_max=2, look=[Takes(5.0)])
    probes = [shop.run("look", user=user) for user in ("ada", "ada", "ada", "ben")]
    await stage.settle()
    assert len(shop.box.invoked) == 2
    await stage.advance(5.0)
    assert len(shop.box.invoked) == 4
    await stage.advance(5.0)
    assert all(probe.of(ToolFinished) for probe in probes)


@on_stage
async def test_a_call_that_waits_for_a_permit_does_not_use_up_its_time(stage: Stage) -> None:
    shop = Shop(stage, running_max=1, look=[Takes(9.0)])
    shop.run("look")
    waiting = shop.run("look")
    await stage.settle()
    await stage.advance(9.0)
    await stage.advance(9.0)
    assert waiting.only(ToolFinished).elapsed_s == 9.0


@on_stage
async def test_a_server_that_hangs_pauses_all_its_tools(stage: Stage) -> None:
    shop = Shop(stage, slow=[Takes(1e6)], quick=["fine"])
    shop.servers.update(slow="box.example", quick="box.example")
    for _ in range(2):
        shop.run("slow")
        await stage.settle()
        await stage.advance(10.0)
    held = shop.run("quick")
    await stage.settle()
    assert held.only(ToolFailed).retry_after_s is not None


@on_stage
async def test_asked_to_leave_in_a_hurry_it_leaves_at_once(stage: Stage) -> None:
    shop = Shop(stage, look=[Takes(1e6)])
    probe = shop.run("look")
    await stage.settle()
    tool = next(c.ref for c in stage.system.cells() if c.actor_class is ToolActor)
    tool.shut_down(0.1)
    await stage.settle()
    assert shop.box.cancelled == ["c"]
    assert probe.of(ToolFinished) == probe.of(ToolFailed) == []


@on_stage
async def test_with_its_whole_grace_a_running_tool_may_finish(stage: Stage) -> None:
    shop = Shop(stage, look=[Takes(4.0, "done")])
    probe = shop.run("look")
    await stage.settle()
    tool = next(c.ref for c in stage.system.cells() if c.actor_class is ToolActor)
    tool.shut_down(5.0)
    await stage.settle()
    await stage.advance(4.0)
    assert probe.only(ToolFinished).result.output == "done"
