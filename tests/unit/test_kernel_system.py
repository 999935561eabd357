from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.cell import Cell
from actors.kernel.child_spec import ChildSpec
from actors.kernel.errors import ActorStopped
from actors.kernel.parent import ParentActor
from actors.kernel.signals import Crashed, Killed, Terminated
from actors.kernel.system import ActorSystem, LifeEnded
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage


class Idle(LoopActor[Any]):
    """Does nothing, which takes no task."""

    async def receive(self, message: Any) -> Any:
        return message


class Noting(LoopActor[Any]):
    """Notes when it stops."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._called = name
        self._log = log

    def receive(self, message: Any) -> Any:
        return message

    def on_stop(self) -> None:
        self._log.append(self._called)


class Family(Noting, ParentActor[Any]):
    """A parent with one child of the same kind."""

    def on_start(self) -> None:
        self.spawn(ChildSpec(start=partial(Noting, f"{self._called}'s child", self._log)))


@on_stage
async def test_twenty_thousand_idle_actors_own_no_task(stage: Stage) -> None:
    tasks_before = len(asyncio.all_tasks())
    refs = [stage.spawn(Idle) for _ in range(20_000)]
    assert stage.system.live == 20_000
    answers = [ref.ask(number, block=False, timeout=5) for number, ref in enumerate(refs)]
    await stage.settle()
    assert all(answer.is_done for answer in answers)
    assert len(asyncio.all_tasks()) == tasks_before
    assert stage.clock.next_due_s() is None
    for ref in refs:
        ref.kill()
    assert stage.system.live == 0


@on_stage
async def test_a_system_ends_its_youngest_root_first_and_says_how_it_went(stage: Stage) -> None:
    log: list[str] = []
    for name in ("first", "second", "third"):
        stage.spawn(Noting, name, log)
    stage.spawn(Recorder, []).kill()
    report = await stage.system.stop(grace_s=5)
    assert log == ["third", "second", "first"]
    assert (report.abandoned, report.zombies, report.elapsed_s) == ((), 0, 0)
    assert stage.system.live == 0
    again = await stage.system.stop(grace_s=5)
    assert again.abandoned == ()


@on_stage
async def test_what_ignores_its_end_is_named_in_the_report(stage: Stage) -> None:
    gate = asyncio.Event()

    class Stubborn(LoopActor[Any]):
        async def receive(self, message: Any) -> None:
            while not gate.is_set():
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    continue

    stubborn, slow = stage.spawn(Stubborn, name="stubborn"), stage.spawn(Gated, [], gate)
    stubborn.tell(1)
    slow.tell(1)
    await stage.settle()
    stopping = stage.begin(stage.system.stop(grace_s=5))
    await stage.settle()
    for _ in range(16):
        await stage.advance(0.5)
    report = await stopping
    assert report.zombies == 1
    assert report.elapsed_s <= 7
    assert report.dead_letters == {"closed": 2}
    assert stage.system.live == 0
    gate.set()
    await stage.settle()


@on_stage
async def test_the_audit_trail_has_one_line_for_each_life(stage: Stage) -> None:
    ended: list[LifeEnded] = []
    stage.system.on_life_ended(ended.append)

    class Crashing(Recorder):
        def receive(self, message: Any) -> None:
            raise ValueError

    ref = stage.keep(Crashing, [], name="child")
    ref.tell(1)
    await stage.advance(3)
    await stage.system.stop()
    assert [(each.life, type(each.reason)) for each in ended if each.name.endswith("child")] == [
        (1, Crashed),
        (2, Killed),
    ]


@on_stage
async def test_two_systems_in_one_process_share_nothing(stage: Stage) -> None:
    other = ActorSystem("other", clock=stage.clock)
    mine = stage.spawn(Recorder, [], name="same")
    theirs = other.spawn(ChildSpec(start=partial(Recorder, []), name="same"))
    await other.stop()
    assert not theirs.is_alive()
    assert stage.system.find("same") is mine
    assert await mine.ask(1, block=False) == 1
    with pytest.raises(ActorStopped):
        theirs.tell(1)


@on_stage
async def test_children_end_when_their_parent_does(stage: Stage) -> None:
    log: list[str] = []
    parent = stage.spawn(Family, "parent", log)
    await parent.stop(block=False)
    await stage.settle()
    assert stage.system.live == 0
    assert log == ["parent"]


@on_stage
async def test_those_that_watch_leave_no_trace_in_what_lives_on(stage: Stage) -> None:
    class Watching(LoopActor[Any]):
        def on_start(self) -> None:
            self.monitor(lasting)
            self.link(lasting)

    lasting = stage.spawn(Recorder, [])
    watching: list[weakref.ref[Any]] = []
    for _ in range(100):
        ref = stage.spawn(Watching)
        watching.append(weakref.ref(ref))
        await ref.stop(block=False)
    del ref
    await stage.settle()
    gc.collect()
    assert lasting.is_alive()
    assert not any(gone() for gone in watching)


@on_stage
async def test_what_has_ended_does_not_wait_for_the_garbage_collector(stage: Stage) -> None:
    """A collection looks through all that a server has, not only through what is ours."""
    log: list[str] = []
    gc.collect()
    gc.disable()
    try:
        before = cells_in_memory()
        family, idle = stage.spawn(Family, "parent", log), stage.spawn(Idle)
        assert await idle.ask("hello", block=False) == "hello"
        assert cells_in_memory() == before + 3
        idle.kill()
        await family.stop(block=False)
        await stage.settle()
        del family, idle
        assert cells_in_memory() == before
    finally:
        gc.enable()


def cells_in_memory() -> int:
    return sum(isinstance(each, Cell) for each in gc.get_objects())


@on_stage
async def test_the_address_of_one_that_has_ended_stays_the_same_for_those_that_have_it(
    stage: Stage,
) -> None:
    heard: list[Terminated] = []
    ref = stage.spawn(Idle)
    ref.kill()
    for _ in range(2):
        stage.system.monitor(ref, heard.append)
    assert [each.ref for each in heard] == [ref, ref]
    cell = ref.cell
    del ref
    heard.clear()
    assert cell.ref is cell.ref
    assert not cell.ref.is_alive()
