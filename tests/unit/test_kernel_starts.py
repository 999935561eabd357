from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec
from actors.kernel.errors import SpawnFailed
from actors.kernel.executors import LATER
from actors.kernel.parent import ParentActor
from actors.kernel.signals import ChildExited, ChildStarted, Crashed, Killed, Terminated
from actors.testing.probe import Probe
from tests.unit.kernel_stage import Recorder, Stage, crash_kind, on_stage


class Slow(LoopActor[Any]):
    """Its start takes until the gate is open."""

    def __init__(self, seen: list[Any], gate: asyncio.Event) -> None:
        self._seen = seen
        self._gate = gate

    async def on_start(self) -> None:  # type: ignore[override]  # Pykka's is plain
        self._seen.append("starting")
        await self._gate.wait()
        self._seen.append("started")

    def receive(self, message: Any) -> None:
        self._seen.append(message)

    def release(self) -> None:
        self._seen.append("released")


class Patient(ParentActor[Any]):
    """Is ready when it has been told so by a timer."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def on_start(self) -> object:  # type: ignore[override]  # Pykka's is plain
        self.start_timer("ready", "ready", 3)
        return LATER

    def receive(self, message: Any) -> None:
        self._seen.append(message)
        if message == "ready":
            self.become_ready()


@on_stage
async def test_a_plain_on_start_has_run_when_spawn_returns(stage: Stage) -> None:
    class Plain(Recorder):
        def on_start(self) -> None:
            self._seen.append("started")

    seen: list[Any] = []
    ref = stage.spawn(Plain, seen)
    assert seen == ["started"]
    assert ref.cell.is_ready


@on_stage
async def test_mail_waits_for_an_asynchronous_start_and_the_parent_is_told(stage: Stage) -> None:
    seen: list[Any] = []
    heard: list[Any] = []
    gate = asyncio.Event()
    ref = stage.keep(Slow, seen, gate, heard=heard)
    ref.tell("mail")
    await stage.settle()
    assert seen == ["starting"]
    assert heard == []
    gate.set()
    await stage.settle()
    assert seen == ["starting", "started", "mail"]
    assert heard == [ChildStarted(ref)]


@on_stage
async def test_a_parent_that_is_ready_later_takes_signals_until_then(stage: Stage) -> None:
    seen: list[Any] = []
    stage.spawn(Patient, seen).tell("mail")
    await stage.settle()
    assert seen == []
    await stage.advance(3)
    assert seen == ["ready", "mail"]


@pytest.mark.parametrize(
    "error", [ValueError(), SystemExit(), KeyboardInterrupt(), asyncio.CancelledError()]
)
@pytest.mark.parametrize("where", ["constructor", "on_start"])
@on_stage
async def test_a_start_that_fails_raises_and_leaves_nothing_behind(
    stage: Stage, error: BaseException, where: str
) -> None:
    class Failing(LoopActor[Any]):
        def __init__(self) -> None:
            self.start_timer("t", "from the grave", 1)
            if where == "constructor":
                raise error

        def on_start(self) -> None:
            raise error

    with pytest.raises(SpawnFailed) as caught:
        stage.spawn(Failing, name="failing")
    assert type(error).__name__ in str(caught.value)
    assert stage.system.live == 0
    assert stage.system.find("failing") is None
    assert stage.clock.next_due_s() is None
    stage.spawn(Recorder, [], name="failing")


@on_stage
async def test_an_asynchronous_start_that_fails_is_a_crash_that_monitors_hear_of(
    stage: Stage,
) -> None:
    class Failing(Slow):
        async def on_start(self) -> None:  # type: ignore[override]  # Pykka's is plain
            raise ValueError

    seen: list[Any] = []
    ref = stage.spawn(Failing, seen, asyncio.Event())
    probe = Probe(stage.system, watch=(ref,))
    answer = ref.ask(1, block=False)
    await stage.settle()
    assert isinstance(probe.only(Terminated).reason, Crashed)
    assert answer.is_done
    assert seen == ["released"]


@on_stage
async def test_a_start_that_takes_too_long_is_a_crash(stage: Stage) -> None:
    seen: list[Any] = []
    heard: list[Any] = []
    stage.keep(Slow, seen, asyncio.Event(), heard=heard, start_timeout_s=3)
    await stage.settle()
    await stage.advance(2.9)
    assert heard == []
    await stage.advance(0.1)
    ends = [crash_kind(each.reason) for each in heard if isinstance(each, ChildExited)]
    assert ends == ["TimeoutError"]
    assert seen == ["starting", "released", "starting"]


@on_stage
async def test_a_start_that_was_in_time_leaves_no_timer_behind(stage: Stage) -> None:
    gate = asyncio.Event()
    gate.set()
    stage.spawn(Slow, [], gate)
    await stage.settle()
    assert stage.clock.next_due_s() is None


@on_stage
async def test_an_actor_can_be_killed_while_it_starts(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Slow, seen, asyncio.Event())
    probe = Probe(stage.system, watch=(ref,))
    await stage.settle()
    ref.kill()
    await stage.settle()
    assert probe.only(Terminated).reason == Killed()
    assert seen == ["starting", "released"]


@on_stage
async def test_an_exit_in_an_asynchronous_start_ends_the_actor_after_it(stage: Stage) -> None:
    class Brief(Slow):
        async def on_start(self) -> None:  # type: ignore[override]  # Pykka's is plain
            self.exit()
            await super().on_start()

    gate = asyncio.Event()
    gate.set()
    seen: list[Any] = []
    ref = stage.spawn(Brief, seen, gate)
    await stage.settle()
    assert seen == ["starting", "started", "released"]
    assert not ref.is_alive()


@on_stage
async def test_what_is_no_actor_class_is_refused_in_words(stage: Stage) -> None:
    with pytest.raises(SpawnFailed, match=r"functools\.partial"):
        stage.system.spawn(ChildSpec(start=lambda: Recorder([])))
    with pytest.raises(TypeError, match=r"system\.spawn"):
        Recorder.start([])


@on_stage
async def test_a_name_is_unique_among_the_living_and_free_afterwards(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [], name="only")
    assert stage.system.find("only") is ref
    with pytest.raises(SpawnFailed, match="taken"):
        stage.spawn(Recorder, [], name="only")
    ref.kill()
    assert stage.system.find("only") is None
    assert stage.spawn(Recorder, [], name="only").is_alive()


@on_stage
async def test_children_are_named_after_their_parent_and_end_with_it(stage: Stage) -> None:
    class Parent(ParentActor[Any]):
        def on_start(self) -> None:
            self.spawn(ChildSpec(start=partial(Recorder, []), name="child"))

        def receive(self, message: Any) -> None:
            raise ValueError

    parent = stage.spawn(Parent, name="parent")
    child = stage.system.find("parent/child")
    assert child is not None
    parent.tell(1)
    await stage.settle()
    assert not child.is_alive()
    assert stage.system.live == 0
