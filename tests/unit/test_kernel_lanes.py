from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import Restart
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import ActorStopped
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.signals import (
    ChildExited,
    Killed,
    Normal,
    Shutdown,
    Stopped,
    Terminated,
)
from actors.testing.probe import Probe
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage


class Watcher(LoopActor[Any]):
    """Remembers what it gets, the ends of others included, and its own hooks."""

    handles_shutdown = True

    def __init__(self, seen: list[Any], watched: Any = None) -> None:
        self._seen = seen
        self._watched = watched

    def on_start(self) -> None:
        if self._watched is not None:
            self.monitor(self._watched)

    def receive(self, message: Any) -> None:
        self._seen.append(message)
        if isinstance(message, Shutdown):
            self.exit()


class Lingering(LoopActor[Any]):
    """Its end takes as long as its gate is closed."""

    def __init__(self, seen: list[Any], gate: asyncio.Event) -> None:
        self._seen = seen
        self._gate = gate

    async def receive(self, message: Any) -> None:
        self._seen.append(message)
        if message == "exit":
            self.exit()

    async def on_stop(self) -> None:  # type: ignore[override]  # Pykka's is plain
        self._seen.append("stopping")
        await self._gate.wait()
        self._seen.append("stopped")

    def release(self) -> None:
        self._seen.append("released")


@on_stage
async def test_signals_are_handled_before_messages_that_came_earlier(stage: Stage) -> None:
    seen: list[Any] = []
    other = stage.spawn(Recorder, [])
    ref = stage.spawn(Watcher, seen, other)
    ref.tell("mail")
    other.kill()
    await stage.settle()
    assert [type(item) for item in seen] == [Terminated, str]


@on_stage
async def test_stop_lets_queued_mail_be_handled_first(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    ref.tell(1)
    stopped = ref.stop(block=False)
    with pytest.raises(ActorStopped):
        ref.tell(2)
    assert ref.is_alive()
    assert await stopped is True
    assert seen == [1]
    assert not ref.is_alive()
    assert await ref.stop(block=False) is False


@on_stage
async def test_stop_gets_behind_a_full_mailbox(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen, mailbox=MailboxSpec(messages_max=1))
    ref.tell(1)
    assert await ref.stop(block=False) is True
    assert seen == [1]


@on_stage
async def test_an_actor_may_ask_itself_to_stop_more_than_once(stage: Stage) -> None:
    class Stopping(Recorder):
        def receive(self, message: Any) -> None:
            super().receive(message)
            self.stop()

    seen: list[Any] = []
    ref = stage.spawn(Stopping, seen)
    probe = Probe(stage.system, watch=(ref,))
    ref.tell(1)
    ref.tell(2)
    await stage.settle()
    assert seen == [1, 2]
    assert probe.only(Terminated).reason == Normal()


@on_stage
async def test_exit_refuses_the_mail_that_stop_would_have_handled(stage: Stage) -> None:
    class Exiting(Recorder):
        def receive(self, message: Any) -> None:
            super().receive(message)
            self.exit()

    seen: list[Any] = []
    ref = stage.spawn(Exiting, seen)
    ref.tell(1)
    ref.tell(2)
    await stage.settle()
    assert seen == [1]
    assert stage.lost(Loss.CLOSED) == 1


@on_stage
async def test_nothing_is_handled_while_an_asynchronous_on_stop_runs(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Lingering, seen, gate)
    for message in ("exit", "later", "later still"):
        ref.tell(message)
    await stage.settle()
    assert seen == ["exit", "stopping"]
    gate.set()
    await stage.settle()
    assert seen == ["exit", "stopping", "stopped", "released"]
    assert stage.lost(Loss.CLOSED) == 2


@on_stage
async def test_an_on_stop_that_asks_to_exit_runs_once(stage: Stage) -> None:
    class Eager(Recorder):
        def on_stop(self) -> None:
            self._seen.append("stopping")
            self.exit()

    seen: list[Any] = []
    ref = stage.spawn(Eager, seen)
    await ref.stop(block=False)
    assert seen == ["stopping"]


@on_stage
async def test_a_shutdown_ends_an_actor_before_its_queued_mail(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen)
    probe = Probe(stage.system, watch=(ref,))
    ref.tell(1)
    ref.shut_down(5)
    await stage.settle()
    assert seen == []
    assert probe.only(Terminated).reason == Stopped()
    assert stage.lost(Loss.CLOSED) == 1


@on_stage
async def test_an_actor_that_wants_to_hears_of_its_shutdown_and_the_deadline(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Watcher, seen)
    ref.shut_down(5)
    ref.shut_down(5)
    await stage.settle()
    assert seen == [Shutdown(5.0)]
    assert not ref.is_alive()


@pytest.mark.parametrize("deadlines_s", [(2,), (20, 2), (2, 20)])
@on_stage
async def test_what_has_not_ended_at_the_earliest_deadline_is_killed(
    stage: Stage, deadlines_s: tuple[float, ...]
) -> None:
    ref = stage.spawn(Gated, [], asyncio.Event())
    probe = Probe(stage.system, watch=(ref,))
    ref.tell(1)
    await stage.settle()
    for deadline_s in deadlines_s:
        ref.shut_down(deadline_s)
    await stage.advance(1.9)
    assert ref.is_alive()
    await stage.advance(0.2)
    assert probe.only(Terminated).reason == Killed()


@on_stage
async def test_a_shutdown_that_a_crash_forestalls_does_not_end_the_next_life(stage: Stage) -> None:
    class Crashing(Gated):
        async def receive(self, message: Any) -> None:
            await super().receive(message)
            raise ValueError

    seen: list[Any] = []
    gate = asyncio.Event()
    heard: list[Any] = []
    ref = stage.keep(Crashing, seen, gate, heard=heard)
    ref.tell(1)
    await stage.settle()
    ref.shut_down(5)
    gate.set()
    await stage.settle()
    assert len([each for each in heard if isinstance(each, ChildExited)]) == 1
    await stage.advance(10)
    ref.tell(2)
    await stage.settle()
    assert seen == [1, 2]


@on_stage
async def test_a_stop_waits_in_the_mail_over_a_restart_and_keeps_new_mail_out(stage: Stage) -> None:
    late: list[bool] = []

    class Crashing(Recorder):
        def on_start(self) -> None:
            if self.life == 2:
                late.append(self.actor_ref.offer("late"))

        def receive(self, message: Any) -> None:
            super().receive(message)
            if message == "crash":
                raise ValueError

    seen: list[Any] = []
    ref = stage.keep(Crashing, seen, restart=Restart.TRANSIENT)
    for message in ("crash", "after"):
        ref.tell(message)
    assert await ref.stop(block=False) is True
    assert late == [False]
    assert seen == ["crash", "after"]
