from __future__ import annotations

from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import Restart
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, Killed, LinkBroken, NoProc, Normal, Terminated
from actors.testing.probe import Probe
from tests.unit.kernel_stage import Recorder, Stage, on_stage


class Crashing(LoopActor[str]):
    """Crashes when told so."""

    def receive(self, message: str) -> str:
        if message == "crash":
            raise ValueError
        if message == "exit":
            self.exit()
        return message


class Linked(LoopActor[Any]):
    """Ties its life to another's."""

    def __init__(self, seen: list[Any], other: ActorRef[Any]) -> None:
        self._seen = seen
        self._other = other

    def on_start(self) -> None:
        self.link(self._other)

    def receive(self, message: Any) -> None:
        self._seen.append(message)
        if message == "unlink":
            self.unlink(self._other)


class Trapping(Linked):
    """Hears of a broken link instead of ending with it."""

    traps_exits = True


class Observer(LoopActor[Any]):
    """Watches, and ceases to, as it is told."""

    def __init__(self, seen: list[Any], other: ActorRef[Any]) -> None:
        self._seen = seen
        self._other = other

    def receive(self, message: Any) -> None:
        match message:
            case "watch":
                self.monitor(self._other)
            case "unwatch":
                self.demonitor(self._other)
            case "crash":
                raise ValueError
            case _:
                self._seen.append(message)


@on_stage
async def test_a_monitor_hears_of_an_end_exactly_once(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    seen: list[Any] = []
    observer = stage.spawn(Observer, seen, ref)
    observer.tell("watch")
    observer.tell("watch")
    await stage.settle()
    ref.tell("crash")
    ref.kill()
    ref.stop(block=False)
    await stage.settle()
    assert [type(each.reason) for each in seen] == [Killed]


@on_stage
async def test_a_monitor_of_the_dead_hears_no_proc(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    ref.kill()
    probe = Probe(stage.system, watch=(ref,))
    await stage.settle()
    assert probe.seen == [Terminated(ref, NoProc())]


@on_stage
async def test_a_restart_is_no_end_and_the_monitor_goes_on(stage: Stage) -> None:
    ref = stage.keep(Crashing, restart=Restart.TRANSIENT)
    probe = Probe(stage.system, watch=(ref,))
    ref.tell("crash")
    await stage.settle()
    assert ref.cell.life == 2
    assert probe.seen == []
    ref.tell("exit")
    await stage.settle()
    assert probe.seen == [Terminated(ref, Normal())]


@on_stage
async def test_a_monitor_outlives_a_restart_of_the_watcher(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    seen: list[Any] = []
    observer = stage.keep(Observer, seen, ref)
    observer.tell("watch")
    observer.tell("crash")
    await stage.settle()
    assert observer.cell.life == 2
    ref.tell("exit")
    await stage.settle()
    assert seen == [Terminated(ref, Normal())]


@on_stage
async def test_who_stops_watching_hears_nothing(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    seen: list[Any] = []
    observer = stage.spawn(Observer, seen, ref)
    heard: list[Terminated] = []
    key = stage.system.monitor(ref, heard.append)
    observer.tell("watch")
    observer.tell("unwatch")
    await stage.settle()
    stage.system.demonitor(ref, key)
    ref.kill()
    await stage.settle()
    assert seen == heard == []


@on_stage
async def test_a_watcher_that_fails_does_not_keep_the_others_from_hearing(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    stage.system.monitor(ref, lambda _: 1 // 0)
    heard: list[Terminated] = []
    stage.system.monitor(ref, heard.append)
    ref.kill()
    assert heard == [Terminated(ref, Killed())]


@on_stage
async def test_a_link_ends_both_when_one_ends_abnormally(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    linked = stage.spawn(Linked, [], ref)
    probe = Probe(stage.system, watch=(linked,))
    await stage.settle()
    ref.tell("crash")
    await stage.settle()
    assert isinstance(probe.only(Terminated).reason, Crashed)
    other = stage.spawn(Crashing)
    stage.spawn(Linked, [], other).kill()
    await stage.settle()
    assert not other.is_alive()


@on_stage
async def test_a_normal_end_leaves_the_linked_actor_alone(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    linked = stage.spawn(Linked, [], ref)
    ref.tell("exit")
    await stage.settle()
    assert not ref.is_alive()
    assert linked.is_alive()


@on_stage
async def test_unlinked_actors_end_apart(stage: Stage) -> None:
    ref = stage.spawn(Crashing)
    linked = stage.spawn(Linked, [], ref)
    linked.tell("unlink")
    await stage.settle()
    ref.kill()
    await stage.settle()
    assert linked.is_alive()


@on_stage
async def test_an_actor_that_traps_exits_hears_of_every_broken_link(stage: Stage) -> None:
    crashed, ended = stage.spawn(Crashing), stage.spawn(Crashing)
    seen: list[Any] = []
    trapping = [stage.spawn(Trapping, seen, ref) for ref in (crashed, ended)]
    crashed.tell("crash")
    ended.tell("exit")
    await stage.settle()
    assert {type(each) for each in seen} == {LinkBroken}
    assert [type(each.reason) for each in seen] == [Crashed, Normal]
    assert all(ref.is_alive() for ref in trapping)


@pytest.mark.parametrize(("actor", "heard"), [(Trapping, 1), (Linked, 0)])
@on_stage
async def test_a_link_to_the_dead_is_heard_of_as_no_proc(
    stage: Stage, actor: Any, heard: int
) -> None:
    dead = stage.spawn(Recorder, [])
    dead.kill()
    seen: list[Any] = []
    ref = stage.spawn(actor, seen, dead)
    await stage.settle()
    assert seen == [LinkBroken(dead, NoProc())] * heard
    assert ref.is_alive()
